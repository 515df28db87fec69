"""One simulated person. Simulation only: on a real device nobody holds the events of more than one person."""

from dataclasses import dataclass

from shared.behaviour import Event


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person; `events` are sorted by time, ties in file order."""

    id: str
    events: tuple[Event, ...]

    def __repr__(self) -> str:
        return f"Person({len(self.events)} events)"
