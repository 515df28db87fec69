"""The behaviour log as the rest of the device sees it. Where and how it is kept is the store's matter."""

from collections.abc import Sequence
from typing import Protocol

from shared.behaviour import Event, EventKind

# What a person turned away from says nothing about what to recommend next to it.
_TURNED_AWAY = frozenset({EventKind.SKIP, EventKind.DISMISSAL})


class BehaviourLog(Protocol):
    """One person's events, oldest first."""

    def events(self) -> Sequence[Event]:
        """All events to learn from, oldest first."""
        ...

    def held_out(self) -> Sequence[Event]:
        """Newer events, oldest first, that training never sees: what the device is measured on. May be none."""
        ...


def attended(events: Sequence[Event]) -> list[Event]:
    """The events that show interest: all but skips and dismissals."""
    return [event for event in events if event.kind not in _TURNED_AWAY]
