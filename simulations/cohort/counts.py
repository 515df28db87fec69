"""What many devices' counts of items and pairs come to, without any vector of the millions of numbers that are zero.

Where no noise is added, zero stays zero: only what a device counted is clipped and rounded, by the same words of its
keystream that rounding the whole summand takes. The sum is the same, word for word.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from client import Counted
from client.secagg import encode_rows
from server.aggregation import OPEN_UNITS
from shared.privacy import Keystream, RandomBytes, quantise
from shared.secure_sum import RoundConfiguration, SumParameters


def words_of_counts(
    counted: Iterable[tuple[Counted, RandomBytes]], configuration: RoundConfiguration, parameters: SumParameters
) -> NDArray[np.uint32]:
    """The sum of the words of devices, uint32 [d], as `client.secagg.encode_contribution` makes them.

    Args:
        counted: of each device, with its source of chance.
        configuration: of the private sum.
        parameters: for the size of the cohort.
    """
    total = np.zeros(configuration.dimension, np.uint32)
    noised = parameters.variance or parameters.local_variance
    for one, chance in counted:
        if noised:
            total += encode_rows(one.dense()[None], configuration, parameters, [chance])[0]
            continue
        units = quantise(
            one.values,
            configuration.clip_norm,
            parameters.scale,
            parameters.squared_norm_bound,
            _Words(Keystream.drawn(chance), one),
        )
        total[one.places] += units.astype(np.uint32)
    return total


def units_of_counts(counted: Iterable[Counted], dimension: int) -> NDArray[np.int64]:
    """The sum of summands in the open, int64 [d] in units of `OPEN_UNITS`."""
    total = np.zeros(dimension, np.int64)
    for one in counted:
        total[one.places] += np.rint(one.values * np.float64(OPEN_UNITS)).astype(np.int64)
    return total


class _Words:
    """The words of a keystream at the places of what was counted, draw after draw of the whole summand."""

    def __init__(self, stream: Keystream, counted: Counted) -> None:
        self._stream, self._counted, self._draws = stream, counted, 0

    def __call__(self, length: int) -> bytes:
        if length != 4 * len(self._counted.places):
            raise RuntimeError(f"words: expected {4 * len(self._counted.places)} bytes to be asked for, got {length}")
        places = self._draws * self._counted.dimension + self._counted.places
        self._draws += 1
        return self._stream.words_at(places).tobytes()
