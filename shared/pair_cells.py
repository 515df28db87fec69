"""Where the count of a pair of items lies in a summand of `statistics`, and how pairs are read from the sum.

A pair is two different items that one person chose. A small catalogue has a cell for every pair. A larger one has more
pairs than a device could send numbers, nearly all of which nobody ever chose: there each pair lies in several shared
cells, found by a hash, and a pair's count is the least of its cells' (Cormode and Muthukrishnan 2005, "An improved data
stream summary: the count-min sketch and its applications"). Which pairs there are is not known to the server, so it
looks at all of them. That rules out the sketch with signs and a median (Charikar, Chen and Farach-Colton 2002): it errs
as much for pairs that nobody chose, which are nearly all, and the largest of these errors bury the pairs that a few
people share; of eight counts that can only be too large, the least hardly errs for them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_CELLS = 2**22  # 16.8 MB in an answer that a device gives once; a cell for each pair of up to 2,896 items
_SHARED = 8  # cells that each pair has, where cells are shared
_KEY_BITS = (_MOST_CELLS // _SHARED).bit_length() - 1
_FEWEST = 2  # people; what one person alone chose together is chance
CLEAR_DEVIATIONS = 5.0  # of noise that a count must reach: noise alone hardly does, in four million cells
_FALSE_SHARE = 0.5  # of the items, most pairs that may be read where there were none: they cost nothing measurable
_MOST_SEARCHED = 2**15  # items, those counted most, among whose pairs is looked: half a billion pairs, half a minute


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """How many people chose both of two items, for the pairs that more than one person chose.

    Attributes:
        pairs: int32 [p, 2], catalogue rows, the lower first.
        counts: float32 [p].
    """

    pairs: NDArray[np.int32]
    counts: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"PairCounts({len(self.pairs)} pairs)"

    def among(self, items: int) -> "PairCounts":
        """Those of the first items alone."""
        kept = (self.pairs < items).all(1)
        return PairCounts(self.pairs[kept], self.counts[kept])


NO_PAIRS = PairCounts(np.zeros((0, 2), np.int32), np.zeros(0, np.float32))


class PairCells:
    """The cells of a catalogue's pairs.

    Each pair moves the cells' L2 norm by one, whether they are shared or not: of several cells each gets its part.

    Attributes:
        size: number of cells.
        per_pair: cells that each pair lies in.

    Example:
        >>> cells = PairCells(24)
        >>> cells.size, cells.per_pair, cells.of(np.array([3, 0, 23])).tolist()
        (276, 1, [2, 22, 85])
        >>> PairCells(100_000).size, PairCells(100_000).per_pair
        (4194304, 8)
    """

    def __init__(self, items: int) -> None:
        """Lay out the pairs of a catalogue of so many items."""
        every = items * (items - 1) // 2
        self._items = items
        self.size = min(every, _MOST_CELLS)
        self.per_pair = 1 if every <= _MOST_CELLS else _SHARED

    def __repr__(self) -> str:
        return f"PairCells({self._items} items, {self.size} cells)"

    @property
    def part(self) -> float:
        """What one pair adds to each of its cells."""
        return float(self.per_pair**-0.5)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cells of all pairs of some different catalogue rows, each cell once, rising: int64."""
        low, high = np.triu_indices(len(rows), 1)
        left, right = np.minimum(rows[low], rows[high]), np.maximum(rows[low], rows[high])
        if self.per_pair == 1:
            return np.unique(left * (2 * self._items - left - 1) // 2 + right - left - 1)
        keys = _keys(rows)
        return np.unique(_FIRST + (keys[:, low] ^ keys[:, high]))

    def read(self, totals: NDArray[np.float64], most: NDArray[np.float64], noise: float) -> PairCounts:
        """The pairs that stand out of a sum over people.

        Without noise a count is a whole number, which the rounding of summands hardly moved, and a count of two is
        enough where every pair has a cell of its own. Noise asks for five of its deviations. Shared cells ask for the
        least count at which chance, which fills all eight cells of a pair with the share of cells that are so full in
        each, would make up fewer than one pair for every two items.

        Args:
            totals: float64 [size], the cells of the sum.
            most: float64 [items], how often each item was counted: no pair of it was counted more often. Not looked at
                where there is noise.
            noise: standard deviation of the noise in each cell; 0 for none.
        """
        counts = totals / self.part if noise else np.rint(totals / self.part)
        least = max(float(_FEWEST), CLEAR_DEVIATIONS * noise / self.part)
        if self.per_pair > 1:
            return self._searched(counts.reshape(_SHARED, -1).astype(np.float32), most, least, noise)
        [places] = np.nonzero(counts >= least)
        starts = np.arange(self._items) * (2 * self._items - np.arange(self._items) - 1) // 2
        left = np.searchsorted(starts, places, side="right") - 1
        right = places - starts[left] + left + 1
        return PairCounts(np.stack([left, right], 1).astype(np.int32), counts[places].astype(np.float32))

    def _searched(
        self, counts: NDArray[np.float32], most: NDArray[np.float64], least: float, noise: float
    ) -> PairCounts:
        items = np.argsort(-most, kind="stable")[:_MOST_SEARCHED]
        while True:
            among = items if noise else items[most[items] >= least]
            chance = np.prod((counts >= least).mean(1))
            if chance * len(among) * (len(among) - 1) / 2 <= _FALSE_SHARE * self._items:
                break
            least += max(1.0, noise / self.part)
        keys, first, second, found = _keys(among), [], [], []
        for place in range(len(among) - 1):
            others = np.arange(place + 1, len(among))
            lowest = np.full(len(others), np.inf, np.float32)
            for row, table in zip(keys, counts, strict=True):
                lowest = np.minimum(lowest, table[row[place] ^ row[others]])
                kept = lowest >= least
                others, lowest = others[kept], lowest[kept]
            first.append(np.full(len(others), among[place]))
            second.append(among[others])
            found.append(lowest)
        if not found:
            return NO_PAIRS
        pairs = np.sort(np.stack([np.concatenate(first), np.concatenate(second)], 1), axis=1)
        return PairCounts(pairs.astype(np.int32), np.concatenate(found).astype(np.float32))


_FIRST = (np.arange(_SHARED, dtype=np.int64) << _KEY_BITS)[:, None]  # cell of each of the tables of shared cells


def _keys(items: NDArray[np.int64]) -> NDArray[np.int64]:
    """A public key of each item in each table, int64 [tables, items]; that of a pair is the exclusive or of its two.

    Simple tabulation hashing (Patrascu and Thorup 2012), with the finaliser of SplitMix64 (Steele, Lea and Flood 2014)
    in the place of a table of random numbers.
    """
    mixed = ((np.arange(_SHARED)[:, None] << 40) + items + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(64 - _KEY_BITS)).astype(np.int64)
