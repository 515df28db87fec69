"""What a sum of `statistics` says of a catalogue: how often each item was chosen, and which items together."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.pair_cells import NO_PAIRS, PairCells, PairCounts


@dataclass(frozen=True, slots=True, eq=False)
class ItemStatistics:
    """Statistics of n items, read from a sum over people.

    Attributes:
        counts: float64 [n].
        noise: standard deviation of the noise in each count; 0 for exact ones.
        pairs: those that stand out; none where no pairs were counted.
    """

    counts: NDArray[np.float64]
    noise: float = 0.0
    pairs: PairCounts = field(default=NO_PAIRS)

    def __repr__(self) -> str:
        return f"ItemStatistics({len(self.counts)} items, {len(self.pairs.pairs)} pairs)"

    @classmethod
    def of_sum(cls, total: NDArray[np.float64], items: int, noise: float) -> "ItemStatistics":
        """Read a sum of summands of `statistics`, whose first `items` numbers are counts and the rest cells of pairs.

        Args:
            total: float64 [d].
            items: in the catalogue.
            noise: standard deviation of the noise in each number; 0 for none.
        """
        counts, cells = total[:items], total[items:]
        if not noise:
            counts = np.rint(counts)  # of people; what the rounding of summands left is taken off
        return cls(counts, noise, PairCells(items).read(cells, counts, noise) if len(cells) else NO_PAIRS)
