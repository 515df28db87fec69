"""The behaviour log as the rest of the device sees it. Where and how it is kept is the store's matter."""

from collections.abc import Sequence
from typing import Protocol

from shared.behaviour import Event


class BehaviourLog(Protocol):
    """One person's events, oldest first."""

    def events(self) -> Sequence[Event]:
        """All events to learn from, oldest first."""
        ...

    def held_out(self) -> Sequence[Event]:
        """Newer events, oldest first, that training never sees: what the device is measured on. May be none."""
        ...
