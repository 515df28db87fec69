"""The hour of a moment as a point on the clock's face. Mornings may tell little about evenings."""

import math
from collections.abc import Iterable

Context = Iterable[tuple[str, str]]
Clock = tuple[float, float]

ANYTIME: Clock = (0.0, 0.0)


def clock(context: Context) -> Clock:
    """Cosine and sine of the hour in ("hour", "08"); zeros where it is absent or no hour of a day.

    The product of two such points is 1 at the same hour, -1 twelve hours apart, 0 where either is unknown.
    """
    for name, word in context:
        if name == "hour" and word.strip().isdecimal() and int(word) < 24:
            angle = 2.0 * math.pi * int(word) / 24.0
            return (math.cos(angle), math.sin(angle))
    return ANYTIME


def alike(one: Clock, other: Clock) -> float:
    """-1 to 1; see `clock`."""
    return one[0] * other[0] + one[1] * other[1]
