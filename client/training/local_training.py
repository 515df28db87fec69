"""One device's answer to an `update`: the change its own windows ask of the federated parameters.

The order of operations is the privacy: windows are drawn by a coin, each window's gradient is clipped, their sum is
clipped. Noise comes after that, in whole units (`client.secagg.encode`).
"""

import logging
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from client.randomness import Randomness
from client.training.per_window_gradients import PerWindow
from client.training.window_losses import Batch, Entering, WindowLosses
from client.training.windows import Window, cut_windows, rows_of, sample_windows
from shared.behaviour import Event, EventKind
from shared.errors import NotYet, kind_and_place
from shared.model import GlobalModel, Readings, Vector, Windows
from shared.release import Release
from shared.round_parameters import group_norms

_LOGGER = logging.getLogger(__name__)


class LocalTraining:
    """Trains one model object for many calls; `update` leaves nothing of one person behind for the next."""

    def __init__(self, model: GlobalModel) -> None:
        self._model = model
        self._module = WindowLosses(model)
        self._hooked: tuple[tuple[str, ...], PerWindow] | None = None
        self._texts = lru_cache(maxsize=4096)(self._read_text)
        self._texts_under: bytes = b""

    def __repr__(self) -> str:
        return f"LocalTraining({self._model!r})"

    def update(
        self,
        release: Release,
        vector: Vector,
        groups: Sequence[str],
        events: Sequence[Event],
        randomness: Randomness,
    ) -> Vector:
        """Train on one device's log.

        Args:
            release: public; its index gives the vectors of catalogue items.
            vector: float32 [d_total], the parameters at the start of the round.
            groups: which of them to train.
            events: the log, oldest first.
            randomness: draws the windows and what they are contrasted with.

        Returns:
            float32 [d of the groups], the change, clipped group by group unless the norm adapts.

        Raises:
            NotYet: fewer events than the federation asks for; said after as much work as one window takes.
        """
        enough = len(events) >= release.federation.windows.minimum_events
        try:
            update = self._trained(release, vector, groups, events if enough else _stand_in(release), randomness)
        except BaseException:
            self._unhook()  # Opacus may hold something of this log, which must not reach the next
            raise
        check_enough(release, len(events))
        return update

    def _trained(
        self,
        release: Release,
        vector: Vector,
        groups: Sequence[str],
        events: Sequence[Event],
        randomness: Randomness,
    ) -> Vector:
        settings = release.federation
        expected = settings.expected_windows
        windows = cut_windows(events, settings.windows.events)
        coins = randomness.numpy("windows")
        start = self._model.layout.extract(vector, groups)
        change = np.zeros_like(start)
        with self._model.at(vector):
            for _ in range(settings.training.local_steps):
                self._model.load(self._model.layout.insert(vector, groups, start + change))
                drawn = sample_windows(
                    windows, settings.windows.per_device, settings.windows.sampling_probability, coins
                )
                change -= settings.training.local_learning_rate * self._step(release, groups, drawn, expected, coins)
        clips = settings.privacy.level != "none" or settings.sum.mode != "plain"
        if clips and not settings.clipping.adaptive_quantile:  # an adaptive norm is known to the private sum alone
            change = self._clipped(change, groups, group_norms(settings, groups))
        return change

    def _clipped(self, change: Vector, groups: Sequence[str], norms: Mapping[str, float]) -> Vector:
        """Each group shortened to its own bound (McMahan et al. 2018): a projection, so no window moves it further."""
        clipped = change.copy()
        held = self._model.layout.select(groups)
        for group, bound in norms.items():
            parts = [clipped[block.slice] for block in held.blocks if block.group == group]
            length = math.sqrt(sum(float(np.dot(part, part)) for part in parts))
            for part in parts:
                part *= min(1.0, bound / max(length, 1e-30))
        return clipped

    def _step(
        self,
        release: Release,
        groups: Sequence[str],
        drawn: Sequence[Window],
        expected_windows: float,
        coins: np.random.Generator,
    ) -> Vector:
        """Gradient over the expected number of windows, float32 [d of the groups].

        A window that cannot be computed counts as empty, and the others as they are: if it took them with it, one
        window could move the answer by as much as the whole log.
        """

        def step(windows: Sequence[Window]) -> Vector:
            return self._step_together(release, groups, windows, expected_windows, coins)

        try:
            return step(drawn)
        except Exception:
            self._unhook()  # what Opacus kept belongs to windows that are not carried on with
            gradient = step(())
            computed = 0
            for window in drawn:
                try:
                    gradient = gradient + step([window])
                    computed += 1
                except Exception as error:
                    self._unhook()
                    _LOGGER.warning("a window counts as empty: %s", kind_and_place(error))
            if not computed:
                raise  # whoever asked learns that nothing could be computed, and why
            return gradient

    def _step_together(
        self,
        release: Release,
        groups: Sequence[str],
        drawn: Sequence[Window],
        expected_windows: float,
        coins: np.random.Generator,
    ) -> Vector:
        """`_step` of windows of which each can be computed."""
        settings = release.federation
        parameters = self._model.train_only(groups)
        losses = torch.zeros(0)
        engine = self._engine(tuple(groups)) if settings.privacy.event else None
        if drawn:
            batch = self._batch(release, drawn, coins)
            losses = (engine.module if engine else self._module)(batch)
        if engine is not None:
            summed = engine.clipped_sum(losses, settings.clipping.window_norm, expected_windows)
            gradient = summed.numpy()
        else:
            total = losses.sum() / expected_windows
            parts: Sequence[Tensor | None] = [None] * len(parameters)
            if total.requires_grad:
                parts = torch.autograd.grad(total, parameters, allow_unused=True)
            gradient = np.concatenate(
                [
                    np.zeros(parameter.numel(), np.float32) if part is None else part.numpy().ravel()
                    for parameter, part in zip(parameters, parts, strict=True)
                ]
            )
        return gradient

    def _engine(self, groups: tuple[str, ...]) -> PerWindow:
        """Opacus hooked onto these groups; hooking is dear, so the last one is kept."""
        if self._hooked is None or self._hooked[0] != groups:
            self._unhook()
            self._hooked = (groups, PerWindow(self._module, self._model.train_only(groups)))
        return self._hooked[1]

    def _unhook(self) -> None:
        if self._hooked is not None:
            self._hooked[1].close()
            self._hooked = None

    def losses(
        self, release: Release, windows: Sequence[Window], groups: Sequence[str], coins: np.random.Generator
    ) -> Tensor:
        """Loss float32 [W] of each window under the parameters in place, differentiable in `groups`."""
        self._unhook()  # Opacus would wait for a backward pass that may never come
        self._model.train_only(groups)
        return cast(Tensor, self._module(self._batch(release, windows, coins)))

    def _batch(self, release: Release, drawn: Sequence[Window], coins: np.random.Generator) -> Batch:
        """Tensors of drawn windows."""
        settings = release.federation.windows
        likelihood = negative_likelihood(release)
        rows = rows_of(drawn, release.catalogue, settings.negatives, settings.shown, coins, likelihood)
        index, popularity = torch.from_numpy(release.index), torch.from_numpy(release.log_popularity)
        known = torch.from_numpy(rows.rows >= 0)
        at = torch.from_numpy(rows.rows.clip(min=0))
        others = torch.from_numpy(rows.others)
        targets = index[at] * known.unsqueeze(-1)
        events = targets.clone()
        places = sorted(rows.texts)
        met = known.clone()
        for w, t in places:
            met[w, t] = True
        predicted = known & (met.cumsum(1) > met.int())  # something to predict it from stands before it
        if settings.only_shown:
            predicted &= torch.from_numpy(rows.offered)
        own = self._read([rows.texts[place] for place in places], release)
        for (w, t), embedding in zip(places, own[:, : self._model.encoder.width], strict=True):
            events[w, t] = torch.from_numpy(release.whitening.apply(embedding))
        windows = Windows(
            events,
            targets,
            predicted,
            index[others],
            torch.from_numpy(rows.allowed),
            popularity[at],
            popularity[others],
            torch.from_numpy(rows.importance),
            torch.from_numpy(rows.context),
        )
        if release.adapter is None:
            return Batch(windows, None)
        items = torch.from_numpy(release.adapter.items)
        entering_targets = items[at] * known.unsqueeze(-1)
        entering_events = entering_targets.clone()
        for (w, t), entered in zip(places, own[:, self._model.encoder.width :], strict=True):
            entering_events[w, t] = torch.from_numpy(entered - release.adapter.mean)
        to_text = torch.from_numpy(self._model.encoder.to_embedding() @ release.whitening.matrix)
        entering = Entering(entering_events, entering_targets, items[others], to_text)
        return Batch(self._without_adapter(release, windows, entering), entering)

    def _without_adapter(self, release: Release, windows: Windows, entering: Entering) -> Windows:
        """The windows with the texts that B = 0 gives: those of the release are under its own B."""
        up = torch.from_numpy(self._model.layout.extract(release.vector, ["adapters"]))
        if not up.any():
            return windows
        to_text = up.reshape(self._model.encoder.width, -1).T @ entering.to_text
        return windows._replace(
            events=windows.events - entering.events @ to_text,
            targets=windows.targets - entering.targets @ to_text,
            others=windows.others - entering.others @ to_text,
        )

    def _read(self, texts: Sequence[str], release: Release) -> Readings:
        """A person's own words under the release's adapter, float32 [texts, width + rank], each read by itself.

        Beside others a text's last bits would tell what it was read beside.
        """
        encoder = self._model.encoder
        if not texts:
            return np.zeros((0, encoder.width + encoder.rank), np.float32)
        under = self._model.layout.extract(release.vector, ["adapters"] if encoder.rank else []).tobytes()
        if under != self._texts_under:
            self._texts.cache_clear()
            self._texts_under = under
        with self._model.at(release.vector):
            return np.stack([self._texts(text) for text in texts])

    def _read_text(self, text: str) -> Vector:
        return self._model.encoder.read([text])[0]


def check_enough(release: Release, events: int) -> None:
    """See that a log has as many events as the federation asks for.

    Raises:
        NotYet: it has fewer.
    """
    asked = release.federation.windows.minimum_events
    if events < asked:
        raise NotYet(f"update: expected at least {asked} events, got {events}")


def _stand_in(release: Release) -> list[Event]:
    """One window of public items, to work on where the log is too short to be worked on."""
    items = len(release.catalogue)
    return [
        Event(float(place), EventKind.CLICK, release.catalogue[place % items].id)
        for place in range(release.federation.windows.events)
    ]


def negative_likelihood(release: Release) -> NDArray[np.float64] | None:
    """Cumulative chance of each item to be a negative; None where all are alike."""
    exponent = release.federation.windows.negative_popularity
    if exponent == 0:
        return None
    return np.cumsum(np.exp(exponent * release.log_popularity.astype(np.float64)))
