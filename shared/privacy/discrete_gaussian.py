"""Integers with an exactly known discrete Gaussian law, drawn from a table of 128-bit thresholds.

No floating-point number takes part, so that no rounding of one can leak what the noise hides (Mironov 2012).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.privacy.keystream import RandomBytes

MAXIMUM_VARIANCE = 2**28  # of one table
# Two draws make a wider one: both have a deviation of at least 8192, and the second counts in steps of at most 2000, so
# that their sum fills out the integers as one draw would, within 2^-160.
_WIDEST_VARIANCE = 2**28 * 2_000**2

_FRACTION_BITS = 320  # of the fixed-point weights
_SMALLEST_WEIGHT = 1 << (_FRACTION_BITS - 170)
_GUIDE_BITS = 16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GaussianTable:
    """Distribution of |X| for P[X = x] proportional to exp(-x² / 2 variance), cut where a weight is below 2^-170.

    With T_k = floor(2^128 P[|X| <= k]) and a uniform 128-bit w, |X| is the number of k with T_k <= w. Its law is within
    a statistical distance of 2^-110 of the true one.

    Attributes:
        variance: parameter, in units².
        high, low: upper and lower 64 bits of each T_k, uint64 [entries]; the last, 2^128, stands as 2^128 - 1.
        guide: number of k whose `high` lies below each multiple of 2^48, int64 [2^16].
        crowded: whether more than one `high` lies in the 2^48 values above that multiple, bool [2^16].
    """

    variance: int
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    guide: NDArray[np.int64]
    crowded: NDArray[np.bool_]

    def __repr__(self) -> str:
        return f"GaussianTable(variance={self.variance}, {len(self.high)} entries)"

    @classmethod
    def of(cls, variance: int) -> "GaussianTable":
        """The table of a variance; the latest few are kept.

        Raises:
            Misconfigured: the variance is not a whole number from 1 to 2^28.
        """
        if isinstance(variance, bool) or not isinstance(variance, int) or not 1 <= variance <= MAXIMUM_VARIANCE:
            raise Misconfigured(f"noise variance: expected a whole number from 1 to {MAXIMUM_VARIANCE}, got {variance}")
        return _table(variance)

    def magnitudes(self, words: NDArray[np.uint64], more: Callable[[int], bytes]) -> NDArray[np.int64]:
        """|X| for each uniform 64-bit word, int64 [n]; a word that equals a `high` takes 64 more bits.

        All words go the same way but those in a crowded place (one in ten at most) and those that tie.

        Args:
            words: uint64 [n].
            more: gives 8 uniform bytes for the word at a place.
        """
        place = (words >> np.uint64(64 - _GUIDE_BITS)).astype(np.intp)
        result = self.guide[place]
        result += self.high[result] <= words
        rest = np.flatnonzero(self.crowded[place])
        result[rest] = np.searchsorted(self.high, words[rest], side="right")
        for tie in np.flatnonzero((self.high[result - 1] == words) & (result > 0)):
            first = int(np.searchsorted(self.high, words[tie], side="left"))
            lower = np.uint64(int.from_bytes(more(int(tie)), "little"))
            result[tie] = first + np.count_nonzero(self.low[first : result[tie]] <= lower)
        return result


def sample_discrete_gaussian(stream: RandomBytes, variance: int, length: int) -> NDArray[np.int64]:
    """Independent discrete Gaussians.

    Takes from the stream: a little-endian 64-bit word for each entry; then a sign bit for each, the highest of a byte
    first; then, with a chance below 2^-25 for a million entries, eight bytes for each word that ties with a threshold.

    Args:
        stream: `Keystream` of a fresh key, or `os.urandom`.
        variance: parameter of the law, in units², 1 to 2^28 · 2000². The variance itself agrees to 1e-6 and better.
            Above 2^28 it is the sum of one draw and a multiple of another (Micciancio, Walter 2017, "Gaussian Sampling
            over the Integers: Efficient, Generic, Constant-Time", corollary 4.1): of at least that variance.
        length: how many are drawn.

    Returns:
        int64 [length]. Towards one who knows everything else, within 2^-90 of the true law for a million entries.

    Raises:
        Misconfigured: the variance is out of range.
    """
    return sample_discrete_gaussians([stream], variance, length)[0]


def sample_discrete_gaussians(streams: Sequence[RandomBytes], variance: int, length: int) -> NDArray[np.int64]:
    """A row of `sample_discrete_gaussian` from each stream, int64 [streams, length]; raises as that does."""
    if type(variance) is int and MAXIMUM_VARIANCE < variance <= _WIDEST_VARIANCE:
        fine = -(-variance // 2) if variance <= 2 * MAXIMUM_VARIANCE else MAXIMUM_VARIANCE
        step = math.isqrt((variance - fine - 1) // MAXIMUM_VARIANCE) + 1
        coarse = -(-(variance - fine) // step**2)
        drawn = sample_discrete_gaussians(streams, fine, length)
        return drawn + step * sample_discrete_gaussians(streams, coarse, length)
    table = GaussianTable.of(variance)
    words = np.frombuffer(b"".join([stream(8 * length) for stream in streams]), "<u8").astype(np.uint64, copy=False)
    bits = np.frombuffer(b"".join([stream((length + 7) // 8) for stream in streams]), np.uint8)
    negative = np.unpackbits(bits.reshape(len(streams), (length + 7) // 8), axis=1, count=length)
    magnitudes = table.magnitudes(words, lambda place: streams[place // length](8)).reshape(negative.shape)
    return magnitudes * (1 - 2 * negative.astype(np.int64))


@lru_cache(maxsize=8)
def _table(variance: int) -> GaussianTable:
    thresholds = _thresholds(variance)
    halves = np.frombuffer(b"".join(threshold.to_bytes(16, "little") for threshold in thresholds), "<u8")
    low, high = halves.astype(np.uint64).reshape(-1, 2).T.copy()
    starts = np.arange(1 << _GUIDE_BITS, dtype=np.uint64) << np.uint64(64 - _GUIDE_BITS)
    guide = np.searchsorted(high, starts, side="left").astype(np.int64)
    crowded = np.diff(guide, append=len(high)) > 1
    for array in (high, low, guide, crowded):
        array.flags.writeable = False
    return GaussianTable(variance, high, low, guide, crowded)


def _thresholds(variance: int) -> list[int]:
    """T_0, T_1, … by p_{k+1} = p_k r_k and r_{k+1} = r_k exp(-1/variance), in fixed point."""
    ratio, shrink = _exp_of_minus(1, 2 * variance), _exp_of_minus(1, variance)
    weight = 1 << _FRACTION_BITS
    below, cumulated = weight, []
    while weight >= _SMALLEST_WEIGHT:
        cumulated.append(below)
        weight = weight * ratio >> _FRACTION_BITS
        ratio = ratio * shrink >> _FRACTION_BITS
        below += 2 * weight
    whole = cumulated[-1]
    return [*((part << 128) // whole for part in cumulated[:-1]), (1 << 128) - 1]


def _exp_of_minus(numerator: int, denominator: int) -> int:
    """exp(-numerator/denominator) in fixed point, by its Taylor series."""
    term = result = 1 << _FRACTION_BITS
    order = 1
    while term:
        term = term * numerator // (denominator * order)
        result += -term if order % 2 else term
        order += 1
    return result
