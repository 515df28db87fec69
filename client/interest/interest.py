"""What a profile says of its person at a moment. It is kept in memory, on the device, and prints nothing."""

from dataclasses import dataclass

from shared.arrays import F32Vector


@dataclass(frozen=True, slots=True)
class Interest:
    """What the device knows about its person.

    Attributes:
        dense: p, float32 [k], a unit vector, or zeros; None without the dense view.
        concepts: q, float32 [K], shares that sum to one, or zeros; None without the concept view.
        shift: float32 [K], what the course of the events adds to what the concepts lead to; None without evolution.
        drift: 0 to 2: one less the cosine between where interest is now and where it was.
    """

    dense: F32Vector | None
    concepts: F32Vector | None
    shift: F32Vector | None
    drift: float

    def __repr__(self) -> str:
        return "Interest(private)"


@dataclass(frozen=True, slots=True)
class Attribution:
    """What p is made of; everything adds up to it.

    Attributes:
        events: float32 [events, k], what each event adds.
        course: float32 [k], what their course adds; zeros under forgetting alone.
    """

    events: F32Vector
    course: F32Vector

    def __repr__(self) -> str:
        return f"Attribution({len(self.events)} events)"
