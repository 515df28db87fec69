"""The federated parameters above the encoder, and the one scoring formula that training and ranking share.

    score(i) = s_d p.z_i + s_c (sqrt(q)(I + M) + shift).sqrt(c_i) + b.x_i + w_pop log pop_i

p and q come from the weighted sum of past events, p and `shift` also from their sequence (`evolution`), `shift` from
the moment's circumstances (`context`): the last two where the federation file asks for them.

Each parameter sits in a small layer of its own whose per-window gradient has a closed form (client/training uses it).
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from shared.federation import FederationFile
from shared.model.context import CONTEXT_WIDTH
from shared.model.evolution import State, build_evolution
from shared.model.gates import Gates

_TINY = 1e-12


class Dense(nn.Module):
    """The first k axes of a text, turned by a learnt change; `change.weight` float32 [columns, rows], first zero.

    The change reads and moves the leading axes only, as many as it has rows and columns: under noise fewer numbers are
    learnt better. Axes stand in the order of their variance, or, where not all may turn, those of the concepts first.
    """

    def __init__(self, width: int, k: int, trained: int) -> None:
        super().__init__()
        self._k = k
        self.change = nn.Linear(min(trained, width), min(trained, k), bias=False)
        nn.init.zeros_(self.change.weight)

    def forward(self, directions: Tensor) -> Tensor:
        """Unit rows [..., D] to [..., k]."""
        moved = self.change(directions[..., : self.change.in_features])
        return directions[..., : self._k] + functional.pad(moved, (0, self._k - self.change.out_features))


class Concepts(nn.Module):
    """Cosines between texts and concepts; `weight` float32 [K, D], rows in no particular scale."""

    def __init__(self, concepts: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(concepts, width))

    def forward(self, directions: Tensor) -> Tensor:
        """Unit rows [..., D] to cosines [..., K]."""
        return directions @ functional.normalize(self.weight, dim=1).T


class Forgetting(nn.Module):
    """Weights a^-gamma for events of age rank a; `gamma` float32 [1]."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.tensor([gamma]))

    def forward(self, values: Tensor) -> Tensor:
        """Before each event, the weighted sum of those earlier in its window: [W, T, F] to [W, T, F]."""
        return torch.einsum("tj,wjf->wtf", self.weights(values.shape[1]), values)

    def weights(self, events: int) -> Tensor:
        """Float32 [T, T]: row t holds (t - j)^-gamma for j < t, zero elsewhere."""
        ages = age_ranks(events, self.gamma.device)
        return torch.where(ages > 0, ages.clamp(min=1) ** -self.gamma, 0.0)

    def slopes(self, events: int) -> Tensor:
        """How the weights change with gamma, float32 [T, T]."""
        return -age_ranks(events, self.gamma.device).clamp(min=1).log() * self.weights(events)


class Scales(nn.Module):
    """How much each part of the score counts: `weights` = exp(levels / 10), positive by construction.

    `levels` float32 [parts] are in tenths because every event pulls them the same way: in whole units their gradient
    would take up a window's clipping norm and leave nothing for the matrices.
    """

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.levels = nn.Parameter(10.0 * torch.tensor(weights).log())

    def weights(self) -> Tensor:
        """Float32 [parts]."""
        return (self.levels / 10.0).exp()

    def forward(self, parts: Tensor) -> Tensor:
        """Scores [...] of parts [..., parts]."""
        return parts @ self.weights()


class Windows(NamedTuple):
    """A batch of windows.

    Attributes:
        events: float32 [W, T, D], whitened texts as history; padding is zero and stands last.
        targets: float32 [W, T, D], whitened catalogue texts of the same events as things to be predicted.
        predicted: bool [W, T], whether the event is a catalogue item and has a text before it.
        others: float32 [W, N, D], whitened texts of the items each window is contrasted with.
        allowed: bool [W, T, N], false where such an item must not count against an event (it is the event's own item,
            or was offered at another moment only).
        target_popularity: float32 [W, T], log popularity.
        other_popularity: float32 [W, N], log popularity.
        importance: float32 [W, T], how much each event's loss counts; 1 for all when left out.
        context: float32 [W, T, 11], the circumstances of each event (`encode_context`); unknown for all when left out.
    """

    events: Tensor
    targets: Tensor
    predicted: Tensor
    others: Tensor
    allowed: Tensor
    target_popularity: Tensor
    other_popularity: Tensor
    importance: Tensor | None = None
    context: Tensor | None = None


class EventSequence(NamedTuple):
    """What a history's events so far make of its interest beyond their sum, all [..., ·].

    Attributes:
        dense: float32 [..., k], added to the weighted sum of dense views.
        shift: float32 [..., K], added to what the concept interest leads to.
    """

    dense: Tensor
    shift: Tensor


class ConceptModel(nn.Module):
    """The heads: dense view, concepts, transitions, forgetting, evolution, context, bias, scales."""

    def __init__(self, federation: FederationFile, width: int) -> None:
        super().__init__()
        settings = federation.model
        self._views = settings.views
        self._width = settings.dense_width + sum(settings.blocks.values())
        self._top = settings.concept_top
        self._temperature = settings.concept_temperature
        # Features are the leading columns of x: dense view, concepts and bias see them as further axes.
        columns = sum(settings.blocks.values())
        width += columns
        self.gates = Gates(list(settings.blocks.values())) if columns else nn.Identity()
        if "dense" in self._views:
            self.dense = Dense(width, settings.dense_width + columns, settings.dense_trained + columns)
        if "concepts" in self._views:
            self.concepts = Concepts(settings.concepts, width)
            self.transitions = nn.Linear(settings.concepts, settings.concepts, bias=False)
            nn.init.zeros_(self.transitions.weight)
        self.forgetting = Forgetting(settings.forgetting)
        views_width = self.dense_width + ("concepts" in self._views) * settings.concepts
        self.evolution = build_evolution(
            federation.interest.evolution, views_width, federation.interest.hidden, settings.seed
        )
        self.context: nn.Linear | None = None
        if federation.interest.context and "concepts" in self._views:
            self.context = nn.Linear(CONTEXT_WIDTH, settings.concepts, bias=False)
            nn.init.zeros_(self.context.weight)
        self.bias = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.bias.weight)
        starts = {"dense": settings.dense_scale, "concepts": settings.concept_scale}
        scales = [start for view, start in starts.items() if view in self._views]
        self._popularity = settings.popularity
        self._popular_negatives = federation.windows.negative_popularity > 0
        self.scales = Scales([*scales, settings.popularity_scale] if settings.popularity else scales)

    @property
    def dense_width(self) -> int:
        """Numbers in the dense view z, those of features included; 0 without that view."""
        return self._width if "dense" in self._views else 0

    @property
    def views(self) -> tuple[str, ...]:
        """Those that the federation file asks for: "dense", "concepts" or both."""
        return self._views

    def start_concepts(self, centres: NDArray[np.float32], ties: NDArray[np.float32] | None = None) -> None:
        """Put concept centres, float32 [K, D], in place, and what is known of M beforehand, float32 [K, K]."""
        with torch.no_grad():
            self.concepts.weight.copy_(torch.from_numpy(centres))
            if ties is not None:
                self.transitions.weight.copy_(torch.from_numpy(ties))

    def concept_centres(self) -> NDArray[np.float32]:
        """A copy of the concepts, float32 [K, D]."""
        return self.concepts.weight.detach().numpy().copy()

    def turn_concepts(self, rotation: NDArray[np.float32]) -> None:
        """Follow a rotation, float32 [width, width], of the text axes, which come last."""
        with torch.no_grad():
            text = self.concepts.weight[:, -len(rotation) :]
            text.copy_(text @ torch.from_numpy(rotation))

    def concept_shares(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Concept distributions float32 [n, K] of whitened texts [n, D], without gradient."""
        with torch.no_grad():
            _, c = self.view(torch.from_numpy(x))
        if c is None:
            raise RuntimeError("concept shares: expected a model with the concept view, got one without")
        return c.numpy()

    def view(self, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Dense view z [..., k] and concept distribution c [..., K] of whitened texts [..., D].

        A view left out is None; a row of zeros gives zeros.
        """
        z = c = None
        directions = functional.normalize(self.gates(x), dim=-1)
        if "dense" in self._views:
            z = functional.normalize(self.dense(directions), dim=-1)
        if "concepts" in self._views:
            values, places = self.concepts(directions).topk(self._top, dim=-1)
            shares = functional.softmax(values / self._temperature, dim=-1) * (directions != 0).any(-1, keepdim=True)
            c = x.new_zeros(*x.shape[:-1], self.concepts.weight.shape[0]).scatter(-1, places, shares)
        return z, c

    def summarise(self, viewed: Tensor, context: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Before each event, what the interest so far leads to: p [W, T, k] and lead [W, T, K].

        Args:
            viewed: views of the events side by side [W, T, k + K].
            context: float32 [W, T, 11].
        """
        course = None if self.evolution is None else self.course(self.evolution(viewed))
        p, q = self.split(self.forgetting(viewed), course)
        return p, None if q is None else self.lead(q, course, context)

    def course(self, correction: Tensor) -> EventSequence:
        """The two halves of what evolution adds [..., k + K]."""
        return EventSequence(correction[..., : self.dense_width], correction[..., self.dense_width :])

    def course_of(self, state: State) -> EventSequence | None:
        """What is added after a history that left `evolution` in this state; None for forgetting alone."""
        return None if self.evolution is None else self.course(self.evolution.correction(state))

    def split(self, past: Tensor, course: EventSequence | None = None) -> tuple[Tensor | None, Tensor | None]:
        """Interest of weighted sums of views side by side [..., k + K]: p a unit vector, q shares that sum to one.

        Where turning away outweighs choosing, a concept's share is zero.
        """
        p = q = None
        if "dense" in self._views:
            dense = past[..., : self.dense_width]
            p = functional.normalize(dense if course is None else dense + course.dense, dim=-1)
        if "concepts" in self._views:
            shares = past[..., self.dense_width :].clamp(min=0.0)
            q = shares / shares.sum(-1, keepdim=True).clamp(min=_TINY)
        return p, q

    def lead(self, q: Tensor, course: EventSequence | None = None, context: Tensor | None = None) -> Tensor:
        """sqrt(q)(I + M) + shift, what the concept interest [..., K] leads to.

        Args:
            q: float32 [..., K], the concept interest before its course and circumstances count.
            course: what the events before add, whose shift is taken; none when left out.
            context: float32 [..., 11], the circumstances of the moment (`encode_context`).
        """
        roots = q.clamp(min=_TINY).sqrt()
        lead = roots + self.transitions(roots)
        if course is not None:
            lead = lead + course.shift
        if self.context is not None and context is not None:
            lead = lead + self.context(context)
        return lead

    def prior(self, x: Tensor) -> Tensor:
        """The part of the score [...] that no person enters but popularity: b.x of whitened texts [..., D]."""
        return self.bias(x).squeeze(-1)

    def losses(self, windows: Windows) -> Tensor:
        """Softmax loss [W] of each window: the sum over its predicted events, divided by one more than their number.

        A window's loss depends on nothing outside the window, not even on how far its batch is padded.
        """
        events, count = windows.events.shape[1], windows.others.shape[1]
        x = torch.cat([windows.events, windows.targets, windows.others], 1)
        z, c = self.view(x)
        viewed = torch.cat([part[:, :events] for part in (z, c) if part is not None], -1)
        p, lead = self.summarise(viewed, windows.context)
        own: list[Tensor] = []
        against: list[Tensor] = []
        if z is not None and p is not None:
            own.append((p * z[:, events : 2 * events]).sum(-1))
            against.append(p @ z[:, 2 * events :].mT)
        if c is not None and lead is not None:
            # sqrt has no gradient at zero: entries outside the top stay out.
            roots = torch.where(c > 0, c.clamp(min=_TINY).sqrt(), 0.0)
            own.append((lead * roots[:, events : 2 * events]).sum(-1))
            against.append(lead @ roots[:, 2 * events :].mT)
        if self._popularity:
            # Negatives drawn by popularity already stand for it: the loss then leaves it out.
            share = 0.0 if self._popular_negatives else 1.0
            own.append(share * windows.target_popularity)
            against.append(share * windows.other_popularity.unsqueeze(1).expand(-1, events, -1))
        stacked = torch.cat([torch.stack(own, -1).unsqueeze(2), torch.stack(against, -1)], 2)
        prior = self.prior(x[:, events:])
        scores = self.scales(stacked) + torch.cat(
            [prior[:, :events].unsqueeze(2), prior[:, events:].unsqueeze(1).expand(-1, events, count)], 2
        )
        scores = scores.masked_fill(~functional.pad(windows.allowed, (1, 0), value=True), -torch.inf)
        losses = scores.logsumexp(-1) - scores[..., 0]
        counted = windows.predicted if windows.importance is None else windows.predicted * windows.importance
        return (losses * counted).sum(-1) / (windows.predicted.sum(-1) + 1)


def age_ranks(events: int, accelerator: torch.device) -> Tensor:
    """Float32 [T, T] on an accelerator: how many places event j lies before event t."""
    places = torch.arange(events, dtype=torch.float32, device=accelerator)
    return places.unsqueeze(1) - places
