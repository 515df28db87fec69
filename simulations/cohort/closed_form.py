"""Gradients of many windows' losses in closed form: what `ConceptModel.losses` and autograd give, without a graph.

One pass over a batch of windows, in which every text is an index into a `ViewTable`: its views are computed once for
all windows that hold it, and of its gradient only what trains is formed. The groups `evolution` and `gates` have no
closed form here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from shared.federation import FederationFile
from shared.model import ConceptModel
from simulations.cohort.view_table import ViewTable, inverse

CLOSED_FORM_GROUPS = frozenset(
    {"dense", "concepts", "transitions", "forgetting", "context", "bias", "scales", "adapters"}
)
_TINY = 1e-12  # as in `ConceptModel`

_Part = TypeVar("_Part")


class AdapterTable(NamedTuple):
    """What enters the encoder's adapter of every text of a `ViewTable`; see `shared.model.AdapterInputs`.

    Attributes:
        entering: float32 [U, r]; the last row is zeros.
        to_text: float32 [width, D], from a change before the encoder's last norm to a whitened text.
        name: of the parameter, B.
    """

    entering: Tensor
    to_text: Tensor
    name: str

    def to(self, accelerator: torch.device) -> "AdapterTable":
        """The same table on an accelerator."""
        return AdapterTable(self.entering.to(accelerator), self.to_text.to(accelerator), self.name)


class IndexedWindows(NamedTuple):
    """W windows of T events whose texts are rows of a `ViewTable`; see `shared.model.Windows` for what they mean.

    Attributes:
        events, targets: int64 [W, T]; the table's last row where there is none.
        others: int64 [W, N].
        predicted: bool [W, T].
        allowed: bool [W, T, N].
        importance: float32 [W, T].
        context: float32 [W, T, 11].
    """

    events: Tensor
    targets: Tensor
    others: Tensor
    predicted: Tensor
    allowed: Tensor
    importance: Tensor
    context: Tensor

    def to(self, accelerator: torch.device) -> "IndexedWindows":
        """The same windows on an accelerator."""
        return IndexedWindows(*(tensor.to(accelerator) for tensor in self))


class _Change(NamedTuple):
    """How the loss changes with a unit vector of views: with its leading axes, and along itself."""

    leading: Tensor
    along: Tensor


class _Batch(NamedTuple):
    """Windows in units of as many each, and the weights of the past float32 [T, T]."""

    windows: IndexedWindows
    units: int
    forgetting: Tensor

    def every(self) -> Tensor:
        """Rows of all texts of a unit, int64 [units, R]: events, then targets, then others, window by window."""
        windows = self.windows
        return torch.cat([windows.events, windows.targets, windows.others], 1).reshape(self.units, -1)


class _Term(NamedTuple):
    """One term of the scores.

    Attributes:
        own: float32 [W, T], of each event's own item.
        against: float32 [W, T, N], of the others.
        back: takes how the losses change with either, adds the gradients it gives to those found, and returns how the
            losses change with gamma, float32 [W].
    """

    own: Tensor
    against: Tensor
    back: Callable[[Tensor, Tensor, dict[str, Tensor]], Tensor]


class ClosedForm:
    """The gradients of one round: heads, table and groups stay as they are."""

    def __init__(
        self,
        heads: ConceptModel,
        federation: FederationFile,
        table: ViewTable,
        groups: Sequence[str],
        adapter: AdapterTable | None = None,
    ) -> None:
        """Prepare what all windows share.

        Args:
            heads: without course (`evolution`); under the parameters of the round.
            federation: its terms.
            table: views under the same heads.
            groups: to train, out of `CLOSED_FORM_GROUPS`.
            adapter: of the same texts; needed by the group `adapters` alone.
        """
        self._adapter = adapter if "adapters" in groups else None
        self._heads, self._table, self._groups = heads, table, frozenset(groups)
        self._settings = federation.model
        self._popularity_share = 0.0 if federation.windows.negative_popularity > 0 else 1.0
        self._scales = heads.scales.weights().detach().unbind()
        self._leading, read = 0, 0
        if "dense" in heads.views:
            self._leading, read = heads.dense.change.out_features, heads.dense.change.in_features
        there = {
            self._dense: table.dense is not None,
            self._concepts: table.roots is not None,
            self._popularity: self._settings.popularity,
        }
        self._terms = [term for term, is_there in there.items() if is_there]  # in the order of the scales
        with torch.no_grad():
            self._prior = table.directions @ heads.bias.weight[0] * table.lengths
            # Of a view's gradient the adapter needs all axes, a change of the view the leading ones alone.
            axes = self._leading if self._adapter is None else heads.dense_width
            self._first = table.lengths.new_zeros(0) if table.dense is None else table.dense[:, :axes].contiguous()
            self._read = table.directions[:, :read].contiguous()
            if self._adapter is not None:
                self._length_slopes = inverse(table.lengths).unsqueeze(-1)
                self._cosines = heads.concepts(table.directions) if "concepts" in heads.views else None

    def __repr__(self) -> str:
        return f"ClosedForm({len(self._table)} texts, {', '.join(sorted(self._groups))})"

    @torch.no_grad()
    def gradients(self, windows: IndexedWindows, joined: int) -> Mapping[str, Tensor]:
        """Gradients of the sums of the losses of `joined` windows each, by the parameter's name.

        Args:
            windows: W of them, W a multiple of `joined`, on the accelerator that the table lies on.
            joined: how many windows in a row make one unit.

        Returns:
            float32 [W / joined, shape of the parameter] of every parameter of the groups.
        """
        batch = _Batch(windows, len(windows.events) // joined, self._heads.forgetting.weights(windows.events.shape[1]))
        terms = [term(batch) for term in self._terms]
        weighed = list(zip(self._scales, terms, strict=True))
        own, others = self._pulls(windows, weighed)
        found: dict[str, Tensor] = {}
        if "scales" in self._groups:
            pulls = [
                scale * ((own * term.own).sum(-1) + (others * term.against).sum((-1, -2))) for scale, term in weighed
            ]
            found["scales.levels"] = torch.stack(pulls, -1).reshape(batch.units, joined, -1).sum(1) / 10.0
        if "bias" in self._groups:
            pull, places = self._pull_of_items(batch, own, others)
            pull = pull * self._table.lengths[places]
            found["bias.weight"] = torch.bmm(pull.unsqueeze(1), self._table.directions[places])
        gamma = windows.importance.new_zeros(len(windows.events))
        for scale, term in weighed:
            gamma += term.back(scale * own, scale * others, found)
        if "forgetting" in self._groups:
            found["forgetting.gamma"] = gamma.reshape(batch.units, joined).sum(1, keepdim=True)
        if self._adapter is not None:
            pull, places = self._pull_of_items(batch, own, others)
            entering = torch.bmm(pull.unsqueeze(1), self._adapter.entering[places])
            self._add(found, self._heads.bias.weight.reshape(1, -1, 1) * entering)
            found[self._adapter.name] = self._adapter.to_text @ found[self._adapter.name]
        return found

    def _pull_of_items(self, batch: "_Batch", own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """How the losses change with the scores of targets and others [units, R], and these texts' rows."""
        windows = batch.windows
        pull = torch.cat([own, others.sum(1)], 1).reshape(batch.units, -1)
        return pull, torch.cat([windows.targets, windows.others], 1).reshape(batch.units, -1)

    def _add(self, found: dict[str, Tensor], towards: Tensor) -> None:
        """Add a term to the sum over texts of how the losses change with a text, times what enters of it.

        Float32 [units, D, r]: the gradient of the adapter's B but for the way from B to texts.
        """
        if self._adapter is not None:
            name = self._adapter.name
            found[name] = found[name] + towards if name in found else towards

    def _pulls(self, windows: IndexedWindows, weighed: Sequence[tuple[Tensor, "_Term"]]) -> tuple[Tensor, Tensor]:
        """How the losses change with the score of each event's own item [W, T] and of the others [W, T, N]."""
        own, others = self._prior[windows.targets], self._prior[windows.others].unsqueeze(1)
        for scale, term in weighed:
            own, others = own + scale * term.own, others + scale * term.against
        others = others.masked_fill(~windows.allowed, -torch.inf)
        most = torch.maximum(own, others.amax(-1) if others.shape[-1] else own)
        own, others = (own - most).exp(), (others - most.unsqueeze(-1)).exp()
        counted = windows.predicted * windows.importance / (windows.predicted.sum(-1, keepdim=True) + 1)
        share = counted / (own + others.sum(-1))
        return own * share - counted, others * share.unsqueeze(-1)

    def _dense(self, batch: "_Batch") -> "_Term":
        """What the dense view adds to a score: the product of the summed past with the item."""
        table, windows, forgetting = self._table, batch.windows, batch.forgetting
        dense = _there(table.dense)
        seen, wanted, beside = (dense[rows] for rows in (windows.events, windows.targets, windows.others))
        past = torch.matmul(forgetting, seen)
        past_slopes = inverse(past.norm(dim=-1))
        p = past * past_slopes.unsqueeze(-1)
        along_own, along_others = (p * wanted).sum(-1), torch.bmm(p, beside.mT)

        def back(own: Tensor, others: Tensor, found: dict[str, Tensor]) -> Tensor:
            towards = own.unsqueeze(-1) * wanted + torch.bmm(others, beside)
            back = (towards - p * (p * towards).sum(-1, keepdim=True)) * past_slopes.unsqueeze(-1)
            if "dense" in self._groups or self._adapter is not None:
                first = slice(0, self._first.shape[1])
                before = torch.matmul(forgetting.T, back)
                changes = (
                    _Change(before[..., first], (before * seen).sum(-1)),
                    _Change(own.unsqueeze(-1) * p[..., first], own * along_own),
                    _Change(torch.bmm(others.mT, p[..., first]), (others * along_others).sum(1)),
                )
                leading = torch.cat([change.leading for change in changes], 1).reshape(batch.units, -1, first.stop)
                along = torch.cat([change.along for change in changes], 1).reshape(batch.units, -1, 1)
                every = batch.every()
                moved = (leading - self._first[every] * along) * table.dense_slopes[every].unsqueeze(-1)
                if "dense" in self._groups:
                    found["dense.change.weight"] = torch.bmm(moved[..., : self._leading].mT, self._read[every])
                if self._adapter is not None:
                    self._add(found, self._texts_of_dense(moved, every))
            return self._forgotten(back, seen)

        return _Term(along_own, along_others, back)

    def _concepts(self, batch: "_Batch") -> "_Term":
        """What the concepts add: the product of what the past shares lead to with the roots of the item's shares."""
        table, windows, forgetting = self._table, batch.windows, batch.forgetting
        table_roots = _there(table.roots)
        seen = table_roots[windows.events].square()
        wanted, beside = table_roots[windows.targets], table_roots[windows.others]
        past = torch.matmul(forgetting, seen)
        kept = past.clamp(min=0.0)
        whole = kept.sum(-1, keepdim=True).clamp(min=_TINY)
        q = kept / whole
        roots = q.clamp(min=_TINY).sqrt()
        lead = roots + self._heads.transitions(roots)
        if self._heads.context is not None:
            lead = lead + self._heads.context(windows.context)

        def back(own: Tensor, others: Tensor, found: dict[str, Tensor]) -> Tensor:
            towards = own.unsqueeze(-1) * wanted + torch.bmm(others, beside)
            together = towards.reshape(batch.units, -1, towards.shape[-1])
            if "transitions" in self._groups:
                found["transitions.weight"] = torch.bmm(together.mT, roots.reshape(together.shape))
            if "context" in self._groups and self._heads.context is not None:
                context = windows.context.reshape(batch.units, together.shape[1], -1)
                found["context.weight"] = torch.bmm(together.mT, context)
            by_root = towards + towards @ self._heads.transitions.weight
            by_share = torch.where(q >= _TINY, 0.5 * by_root / roots, 0.0)
            back = (by_share - (by_share * q).sum(-1, keepdim=True)) / whole
            back = torch.where(past >= 0, back, 0.0)
            if "concepts" in self._groups or self._adapter is not None:
                changes = [
                    torch.matmul(forgetting.T, back),
                    own.unsqueeze(-1) * lead * table.root_slopes[windows.targets],
                    torch.bmm(others.mT, lead) * table.root_slopes[windows.others],
                ]
                every = batch.every()
                changed = torch.cat(changes, 1).reshape(batch.units, every.shape[1], -1)
                values = self._cosine_changes(every, changed)
                if "concepts" in self._groups:
                    found["concepts.weight"] = self._concept_gradients(every, values)
                if self._adapter is not None:
                    self._add(found, self._texts_of_concepts(values, every))
            return self._forgotten(back, seen)

        return _Term((lead * wanted).sum(-1), torch.bmm(lead, beside.mT), back)

    def _popularity(self, batch: "_Batch") -> "_Term":
        """What popularity adds, whoever is asked."""
        windows, popularity, share = batch.windows, self._table.log_popularity, self._popularity_share
        against = share * popularity[windows.others].unsqueeze(1).expand(windows.allowed.shape)
        return _Term(share * popularity[windows.targets], against, lambda own, others, found: own.new_zeros(len(own)))

    def _forgotten(self, back: Tensor, values: Tensor) -> Tensor:
        """How the losses [W] change with gamma through sums of past values [W, T, F] that change by `back`."""
        return (torch.matmul(self._heads.forgetting.slopes(values.shape[1]), values) * back).sum((-1, -2))

    def _texts_of_dense(self, moved: Tensor, rows: Tensor) -> Tensor:
        """What `_add` takes of the dense view: [units, D, r], where its axes change by `moved` [units, R, k].

        The view is a unit vector of a linear map of the text, so no change along the text itself comes through.
        """
        adapter = _there(self._adapter)
        axes = torch.bmm((moved * self._length_slopes[rows]).mT, adapter.entering[rows])
        towards = axes.new_zeros(len(axes), self._table.directions.shape[1], axes.shape[2])
        towards[:, : axes.shape[1]] = axes
        change = self._heads.dense.change.weight
        towards[:, : change.shape[1]] += change.T @ axes[:, : change.shape[0]]
        return towards

    def _texts_of_concepts(self, values: Tensor, rows: Tensor) -> Tensor:
        """What `_add` takes of the concepts: [units, D, r], where cosines change by `values` [units, R, K]."""
        adapter, directions = _there(self._adapter), self._table.directions[rows]
        entering = adapter.entering[rows] * self._length_slopes[rows]
        along = (values * _there(self._cosines)[rows]).sum(-1, keepdim=True)
        unit = functional.normalize(self._heads.concepts.weight, dim=1)
        return unit.T @ torch.bmm(values.mT, entering) - torch.bmm(directions.mT, along * entering)

    def _cosine_changes(self, rows: Tensor, changed: Tensor) -> Tensor:
        """How the losses change with the cosines to concepts, where those with shares are `changed` [units, R, K]."""
        shares = _there(self._table.roots)[rows].square()
        return shares * (changed - (changed * shares).sum(-1, keepdim=True)) / self._settings.concept_temperature

    def _concept_gradients(self, rows: Tensor, values: Tensor) -> Tensor:
        """Of concepts [units, K, D], when the cosines of the texts at `rows` [units, R] change by `values`."""
        towards = torch.bmm(values.mT, self._table.directions[rows])
        weight = self._heads.concepts.weight
        length = weight.norm(dim=1, keepdim=True)
        unit = weight / length
        return (towards - (towards * unit).sum(-1, keepdim=True) * unit) / length


def _there(part: _Part | None) -> _Part:
    """What the term which asks for it goes with."""
    if part is None:
        raise RuntimeError("closed form: expected tables with this part, got some without")
    return part
