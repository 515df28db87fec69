"""Event weighting: how much one event says about its person, by kind, rating, dwell time and repetition.

All weights are this file's; none is learnt from anybody. Where times only tell an order, nothing is judged by seconds.
"""

import math
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from client.interest.settings import SETTINGS
from shared.behaviour import Event, EventKind, seconds_between

# A purchase costs money, a click a moment; turning away says where interest ends, far less surely than choosing.
KIND_WEIGHTS = MappingProxyType(
    {
        EventKind.VIEW: 0.5,
        EventKind.CLICK: 1.0,
        EventKind.SEARCH: 1.0,
        EventKind.REVIEW: 1.0,
        EventKind.RATING: 1.0,
        EventKind.PURCHASE: 1.5,
        EventKind.SKIP: -0.05,
        EventKind.DISMISSAL: -0.3,
    }
)
# Only what a machine or a slipped finger can do by the hundred; people enter a whole shelf of ratings in one sitting.
_QUICK = frozenset({EventKind.VIEW, EventKind.CLICK, EventKind.SEARCH})


@dataclass(slots=True)
class EventWeigher:
    """What must be known of earlier events to weigh the next one."""

    met: dict[str, int] = field(default_factory=dict)
    ratings: int = 0
    rating_mean: float = 0.0
    rating_squares: float = 0.0
    rush: float = 0.0
    rush_seconds: float = -math.inf

    def __repr__(self) -> str:
        return f"EventWeigher({len(self.met)} met)"

    def weigh(self, event: Event) -> float:
        """The event's weight, given all before it; the event counts as seen from now on."""
        weight = KIND_WEIGHTS[event.kind]
        if weight < 0:
            return weight
        return weight * self._rated(event) * self._repeated(event) * self._rushed(event)

    def _rated(self, event: Event) -> float:
        """More for what the person rated above their own mean, which is taken over the ratings before."""
        if event.value is None or not math.isfinite(event.value):
            return 1.0
        factor = 1.0
        if self.ratings >= 2:
            deviation = math.sqrt(max(self.rating_squares / self.ratings, 1e-6))
            factor = 1.0 + SETTINGS.rating_spread * max(-2.0, min(2.0, (event.value - self.rating_mean) / deviation))
        self.ratings += 1
        off = event.value - self.rating_mean
        self.rating_mean += off / self.ratings
        self.rating_squares += off * (event.value - self.rating_mean)
        return max(SETTINGS.least_rating_weight, factor)

    def _repeated(self, event: Event) -> float:
        """The n-th event about the same thing counts 1/n: together they grow as a logarithm."""
        key = f"item {event.item}" if event.item is not None else f"text {event.text.casefold()}"
        self.met[key] = self.met.get(key, 0) + 1
        return 1.0 / self.met[key]

    def _rushed(self, event: Event) -> float:
        """A leaky bucket: however many come in a minute, together they weigh like a few."""
        if event.kind not in _QUICK or not event.dated:
            return 1.0
        elapsed = max(0.0, event.time_seconds - self.rush_seconds)
        self.rush = self.rush * math.exp(-elapsed / SETTINGS.burst_seconds) + 1.0
        self.rush_seconds = event.time_seconds
        return 1.0 if self.rush <= SETTINGS.burst_events else (SETTINGS.burst_events / self.rush) ** 2


def bounced(event: Event, following: Event) -> float:
    """Factor of a quick event that the person left for another at once."""
    apart = seconds_between(event, following)
    hasty = event.kind in _QUICK and apart is not None and 0.0 <= apart < SETTINGS.bounce_seconds
    return SETTINGS.bounced_weight if hasty and following.item != event.item else 1.0


def drift(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """One less the cosine between the latest interest and the one before, unit vectors: 0 the same, 1 unrelated.

    Zeros on either side (nothing before, or no interest at all) are no drift.
    """
    return 1.0 - float(now @ before) if now.any() and before.any() else 0.0


def kept_share(moved: float) -> float:
    """How much of the older interest still counts after a drift: 1 below 0.5, falling to 0.1 at 1."""
    return float(
        np.clip(
            1.0
            - (1.0 - SETTINGS.least_kept_share)
            * (moved - SETTINGS.drift_noticed)
            / (SETTINGS.drift_certain - SETTINGS.drift_noticed),
            SETTINGS.least_kept_share,
            1.0,
        )
    )
