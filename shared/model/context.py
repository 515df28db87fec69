"""The circumstances of a moment as numbers: hour, kind of day, place, device. What is unknown is zero.

They are read and used on the device only; what a federation learns is how much they matter.
"""

import math
from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from shared.arguments import context_pairs

Context = Iterable[tuple[str, str]]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PLACES = ("home", "work", "travel", "other")
_DEVICES = ("phone", "tablet", "computer", "tv")

# Where each circumstance stands in the vector that `encode_context` gives.
CIRCUMSTANCES = MappingProxyType(
    {"hour": slice(0, 2), "weekday": slice(2, 3), "place": slice(3, 7), "device": slice(7, 11)}
)
CONTEXT_WIDTH = 11


def encode_context(context: Context) -> NDArray[np.float32]:
    """Circumstances as numbers, float32 [11].

    Cosine and sine of the hour, 1 or -1 for a day of the weekend or another, one of four places, one of four devices.

    Args:
        context: (name, word) pairs such as ("hour", "08"), ("weekday", "sunday"), ("place", "work") and ("device",
            "phone"). Other names, and words that are none of the known ones, are passed over: hosts know more.

    Raises:
        Misconfigured: it holds something else than pairs.
    """
    vector = np.zeros(CONTEXT_WIDTH, np.float32)
    for name, word in context_pairs(context):
        word = word.strip().casefold()
        if name == "hour" and word.isdecimal() and int(word) < 24:
            angle = 2.0 * math.pi * int(word) / 24.0
            vector[CIRCUMSTANCES["hour"]] = math.cos(angle), math.sin(angle)
        elif name == "weekday" and word in _DAYS:
            vector[CIRCUMSTANCES["weekday"]] = 1.0 if _DAYS.index(word) >= 5 else -1.0
        elif name == "place" and word in _PLACES:
            vector[CIRCUMSTANCES["place"].start + _PLACES.index(word)] = 1.0
        elif name == "device" and word in _DEVICES:
            vector[CIRCUMSTANCES["device"].start + _DEVICES.index(word)] = 1.0
    return vector


HourPoint = tuple[float, float]


def hour_point(context: Context) -> HourPoint:
    """Cosine and sine of the hour in ("hour", "08"); zeros where it is absent or no hour of a day.

    The product of two such points is 1 at the same hour, -1 twelve hours apart, 0 where either is unknown.
    """
    cosine, sine = encode_context(context)[:2].tolist()
    return cosine, sine


def hour_similarity(one: HourPoint, other: HourPoint) -> float:
    """Product of two such points, -1 to 1; see `hour_point`."""
    return one[0] * other[0] + one[1] * other[1]
