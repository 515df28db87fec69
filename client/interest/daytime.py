"""The hour of a moment as a point on the clock's face. Mornings may tell little about evenings."""

from shared.model import Context, encode_context

Clock = tuple[float, float]


def clock(context: Context) -> Clock:
    """Cosine and sine of the hour in ("hour", "08"); zeros where it is absent or no hour of a day.

    The product of two such points is 1 at the same hour, -1 twelve hours apart, 0 where either is unknown.
    """
    cosine, sine = encode_context(context)[:2].tolist()
    return cosine, sine


def alike(one: Clock, other: Clock) -> float:
    """-1 to 1; see `clock`."""
    return one[0] * other[0] + one[1] * other[1]
