"""One behaviour event: what a person did, when, and with which item. It stays on the device it was made on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Event:
    """One thing one person did.

    Attributes:
        time_seconds: seconds since 1970-01-01 UTC, or any increasing number where a source knows only the order.
        kind: what was done.
        item: catalogue id of the item concerned; None for a bare search.
        text: the person's own words (a search, a review); empty when there are none. Private.
        value: a rating in its source's own scale; None when there is none.
        shown: ids of the other items offered in the same list and not taken. Private.
        propensity: chance with which the recommender showed the item, in (0, 1]; None where it was found otherwise.
        context: (name, value) pairs in words: hour, weekday, place kind, device kind. Private.

    Raises:
        Misconfigured: the time is not finite, neither an item nor a text is given, or the propensity is no chance.
    """

    time_seconds: float
    kind: EventKind
    item: str | None = None
    text: str = ""
    value: float | None = None
    shown: tuple[str, ...] = ()
    context: tuple[tuple[str, str], ...] = ()
    propensity: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.time_seconds):
            raise Misconfigured(f"event time: expected a finite number of seconds, got {self.time_seconds}")
        if self.item is None and not self.text:
            raise Misconfigured("event: expected an item id or a text, got neither")
        if self.propensity is not None and not 0.0 < self.propensity <= 1.0:
            raise Misconfigured(f"event propensity: expected a chance above 0 up to 1, got {self.propensity}")

    def __repr__(self) -> str:
        return f"Event({self.kind.value}, {len(self.text)} characters)"


def fields_of(event: Event) -> list[Any]:
    """What JSON can hold of an event; `event_of` makes the same event of it."""
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


def event_of(fields: Sequence[Any]) -> Event:
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
