"""Ranks the catalogue for one person on the device, and says why. The reasons of a score add up to it exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from client.log import attended
from shared.behaviour import Event
from shared.model import GlobalModel
from shared.release import Release

FloatVector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reason:
    """One addend of a score.

    Attributes:
        kind: a past event, a concept of interest, what the item's text says to everybody, or popularity.
        name: item id (or "own words") of an event, name of a concept; empty otherwise.
        part: what it adds to the score.
    """

    kind: Literal["event", "concept", "text", "popularity"]
    name: str
    part: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One ranked item; the parts of `reasons`, largest first, sum to `score`."""

    row: int
    item: str
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Interest:
    """What the device knows about its person. It never leaves the device.

    Attributes:
        dense: p, float32 [k], or None without the dense view.
        concepts: q, float32 [K], or None without the concept view.
        carried: float32 [events, k], each event's share of p.
    """

    dense: FloatVector | None
    concepts: FloatVector | None
    carried: FloatVector | None

    def __repr__(self) -> str:
        return "Interest(private)"


class Recommender:
    """Ranking under one release."""

    def __init__(self, release: Release, model: GlobalModel) -> None:
        self._release = release
        self._model = model
        model.load(release.vector)
        with torch.no_grad():
            index = torch.from_numpy(release.index)
            self._z, self._c = model.heads.view(index)
            self._prior = model.heads.prior(index)
            self._scales = model.heads.scales.weights().numpy()

    def __repr__(self) -> str:
        return f"Recommender({len(self._release.catalogue)} items)"

    def interest(self, events: Sequence[Event]) -> Interest:
        """The interest vector after these events, oldest first; what was turned away from gives none."""
        self._model.load(self._release.vector)  # training may have left other parameters in the model
        x = self._vectors(attended(events))
        heads = self._model.heads
        with torch.no_grad():
            p, q = heads.interest(x)
            carried = None
            if p is not None and self._z is not None:
                z, _ = heads.view(x)
                assert z is not None
                weighted = (torch.arange(len(x), 0, -1.0) ** -heads.forgetting.gamma).unsqueeze(1) * z
                carried = (weighted / weighted.sum(0).norm().clamp(min=1e-12)).numpy()
        return Interest(None if p is None else p.numpy(), None if q is None else q.numpy(), carried)

    def scores(self, events: Sequence[Event]) -> FloatVector:
        """Score of every catalogue item after these events, float32 [items]."""
        return np.asarray(np.sum(list(self._parts(self.interest(events)).values()), axis=0), np.float32)

    def recommend(self, events: Sequence[Event], count: int) -> list[Recommendation]:
        """The best `count` items not among the events, each with its reasons."""
        interest = self.interest(events)
        parts = self._parts(interest)
        scores = np.sum(list(parts.values()), axis=0)
        for event in events:
            if event.item is not None and event.item in self._release.catalogue:
                scores[self._release.catalogue.row(event.item)] = -np.inf
        best = np.argsort(-scores, kind="stable")[:count]
        return [
            Recommendation(
                int(row),
                self._release.catalogue[int(row)].id,
                float(scores[row]),
                self._reasons(int(row), interest, events, parts),
            )
            for row in best
            if np.isfinite(scores[row])
        ]

    def _vectors(self, events: Sequence[Event]) -> torch.Tensor:
        """Whitened texts float32 [events, D]: a person's own words where there are any, else the item's."""
        index = self._release.index
        x = np.zeros((len(events), index.shape[1]), np.float32)
        for place, event in enumerate(events):
            if event.text:
                x[place] = self._release.whitening.apply(self._model.encoder.embed([event.text]))[0]
            elif event.item is not None and event.item in self._release.catalogue:
                x[place] = index[self._release.catalogue.row(event.item)]
        return torch.from_numpy(x)

    def _parts(self, interest: Interest) -> dict[str, FloatVector]:
        """The addends of every item's score, float32 [items] each."""
        parts: dict[str, FloatVector] = {}
        scales = iter(self._scales)
        if interest.dense is not None and self._z is not None:
            parts["dense"] = next(scales) * (self._z.numpy() @ interest.dense)
        if interest.concepts is not None and self._c is not None:
            parts["concepts"] = next(scales) * (np.sqrt(self._c.numpy()) @ self._lead(interest.concepts))
        parts["text"] = self._prior.numpy().copy()
        if self._release.federation.model.popularity:
            parts["popularity"] = next(scales) * self._release.log_popularity
        return parts

    def _lead(self, concepts: FloatVector) -> FloatVector:
        with torch.no_grad():
            return np.asarray(self._model.heads.expected(torch.from_numpy(concepts)).numpy())

    def _reasons(
        self, row: int, interest: Interest, events: Sequence[Event], parts: dict[str, FloatVector]
    ) -> tuple[Reason, ...]:
        reasons = [Reason("text", "", float(parts["text"][row]))]
        scales = iter(self._scales)
        if "popularity" in parts:
            reasons.append(Reason("popularity", "", float(parts["popularity"][row])))
        if interest.carried is not None and self._z is not None:
            shares = next(scales) * (interest.carried @ self._z[row].numpy())
            for event, share in zip(attended(events), shares, strict=True):
                reasons.append(Reason("event", event.item or "own words", float(share)))
        if interest.concepts is not None and self._c is not None:
            shares = next(scales) * self._lead(interest.concepts) * np.sqrt(self._c[row].numpy())
            for concept in np.flatnonzero(shares):
                reasons.append(Reason("concept", self._release.concept_names[concept], float(shares[concept])))
        return tuple(sorted(reasons, key=lambda reason: -reason.part))
