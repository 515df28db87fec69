"""One behaviour event: what a person did, when, and with which item. It stays on the device it was made on.

Two things about events are decided here for everybody, devices and simulations alike: which of them show interest
(`positive_events`, `new_places`), and which times are of a clock (`Event.dated`), so that seconds between them mean
something.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from shared.arguments import context_pairs, described
from shared.errors import Misconfigured


class EventKind(StrEnum):
    """What the person did."""

    VIEW = "view"
    CLICK = "click"
    SEARCH = "search"
    REVIEW = "review"
    PURCHASE = "purchase"
    RATING = "rating"
    SKIP = "skip"
    DISMISSAL = "dismissal"


_KINDS_BY_TEXT = {kind.value: f"EventKind.{kind.name}" for kind in EventKind}

# What a person turned away from is no choice: nothing is recommended next to it, and it is no target of anything.
TURNED_AWAY = frozenset({EventKind.SKIP, EventKind.DISMISSAL})

# A smaller time (before 3 March 1973) is a position in a sequence; one from `UNDATED_FROM_SECONDS` on (the year 5138)
# is in another unit than seconds.
DATED_FROM_SECONDS = 1e8
UNDATED_FROM_SECONDS = 1e11


@dataclass(frozen=True, slots=True)
class Event:
    """One thing one person did.

    Attributes:
        time_seconds: seconds since 1970-01-01 UTC; where a source knows only the order, increasing numbers below 1e8.
        kind: what was done.
        item: catalogue id of the item concerned; None for a bare search.
        text: the person's own words (a search, a review); empty when there are none. Private.
        value: a rating in its source's own scale; None when there is none.
        shown: ids of the other items offered in the same list and not taken. Private.
        propensity: chance with which the recommender showed the item, in (0, 1]; None where it was found otherwise.
        context: (name, value) pairs in words: hour, weekday, place kind, device kind. Private.
        arrival: place in its log in the order of arrival, from 0, which an event keeps for ever and a deletion leaves
            empty; None where a log does not count, and order is that of times. No part of what was done.

    Raises:
        Misconfigured: the time is not finite, the kind is none, neither an item nor a text is given, the context is not
            made of pairs, or the propensity is no chance.
    """

    time_seconds: float
    kind: EventKind
    item: str | None = None
    text: str = ""
    value: float | None = None
    shown: tuple[str, ...] = ()
    context: tuple[tuple[str, str], ...] = ()
    propensity: float | None = None
    arrival: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.kind, EventKind):
            raise Misconfigured(
                f"event kind: expected an EventKind, one of {', '.join(EventKind)}, got {type(self.kind).__name__}; "
                f"write {_KINDS_BY_TEXT.get(str(self.kind), 'one of them, such as EventKind.CLICK')}"
            )
        try:
            finite = math.isfinite(self.time_seconds)
        except TypeError:
            finite = False
        if not finite:
            raise Misconfigured(
                f"event time: expected a finite number of seconds since 1970, got {described(self.time_seconds)}; of a "
                "datetime, give its timestamp()"
            )
        if self.item is None and not self.text:
            raise Misconfigured("event: expected an item id or a text, got neither")
        if self.item is not None and not isinstance(self.item, str):
            raise Misconfigured(
                f"event item: expected the item's id as text, got {type(self.item).__name__}; give Item.id"
            )
        if self.context != ():
            context_pairs(self.context)
        if self.propensity is not None and not 0.0 < self.propensity <= 1.0:
            raise Misconfigured(f"event propensity: expected a chance above 0 up to 1, got {self.propensity}")

    def __repr__(self) -> str:
        return f"Event({self.kind.value}, {len(self.text)} characters)"

    @property
    def dated(self) -> bool:
        """Whether the time is of a clock. Else it tells an order and nothing more."""
        return self.time_seconds >= DATED_FROM_SECONDS


def seconds_between(earlier: Event, later: Event) -> float | None:
    """None where either time only tells an order: every rule in seconds asks here, so none judges positions."""
    return later.time_seconds - earlier.time_seconds if earlier.dated and later.dated else None


def positive_events(events: Sequence[Event]) -> list[Event]:
    """The events that show interest: all but skips and dismissals.

    The only ones that are trained on, counted or asked for.
    """
    return [event for event in events if event.kind not in TURNED_AWAY]


def new_places(events: Sequence[Event], catalogue: Container[object] | None = None) -> list[int]:
    """Positions of the events that chose an item (of the catalogue) which no event before them was about.

    What a recommender can be asked for, since it offers nothing that was met, turned away from or not.
    """
    met: set[str] = set()
    places = []
    for place, event in enumerate(events):
        if event.item is None or event.item in met:
            continue
        met.add(event.item)
        if event.kind not in TURNED_AWAY and (catalogue is None or event.item in catalogue):
            places.append(place)
    return places


def event_to_fields(event: Event) -> list[Any]:
    """What JSON can hold of an event; `event_from_fields` makes the same event of it."""
    return [
        event.time_seconds,
        event.kind.value,
        event.item,
        event.text,
        event.value,
        event.shown,
        event.context,
        event.propensity,
    ]


def event_from_fields(fields: Sequence[Any]) -> Event:
    """The event of these fields, as they come out of JSON.

    Raises:
        ValueError, TypeError, Misconfigured: they are not those of an event.
    """
    time_seconds, kind, item, text, value, shown, context, propensity = fields
    return Event(
        time_seconds=float(time_seconds),
        kind=EventKind(kind),
        item=item,
        text=text,
        value=value,
        shown=tuple(shown),
        context=tuple((name, word) for name, word in context),
        propensity=propensity,
    )


class BehaviourLog(Protocol):
    """One person's events, oldest first."""

    def events(self) -> Sequence[Event]:
        """All events to learn from, oldest first."""
        ...

    def held_out(self) -> Sequence[Event]:
        """Newer events, oldest first, that training never sees: what the device is measured on. May be none."""
        ...
