"""What a device counts for `statistics`: the items it met, and which of them together. Most of the summand is zero."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F32Vector
from shared.pair_cells import PairCells
from shared.release import Release


class Counted(NamedTuple):
    """A summand of which few numbers are not zero.

    Attributes:
        places: int64 [m], of those, rising.
        values: float32 [m], theirs.
        dimension: numbers in the summand.
    """

    places: NDArray[np.int64]
    values: F32Vector
    dimension: int

    def __repr__(self) -> str:
        return f"Counted(d={self.dimension})"

    def dense(self) -> F32Vector:
        """The whole summand, float32 [dimension]."""
        vector = np.zeros(self.dimension, np.float32)
        vector[self.places] = self.values
        return vector


def count_met(release: Release, met: Sequence[int]) -> Counted:
    """The newest distinct items as counts, and behind them the pairs of the newest among these as cells.

    Each item counts one; or, where noise for a fixed norm will cover them anyhow, as much as gives them that norm. Each
    pair counts one, whatever the noise, so that what two people chose alike can be told from what one did.

    Args:
        release: gives the catalogue, the most items and pairs that a device counts, and whether noise covers a fixed
            norm.
        met: catalogue rows, oldest first.
    """
    settings, items = release.federation.statistics, len(release.catalogue)
    newest = np.array(list(dict.fromkeys(reversed(met)))[: max(settings.items_per_device, settings.pairs_of)], np.int64)
    counted = np.sort(newest[: settings.items_per_device])
    each = 1.0
    if release.federation.privacy.user and len(counted):
        each = (settings.items_per_device / len(counted)) ** 0.5
    values = np.full(len(counted), each, np.float32)
    if not settings.pairs:
        return Counted(counted, values, items)
    cells = PairCells(items)
    together = cells.of(newest[: settings.pairs_of])
    return Counted(
        np.concatenate([counted, items + together]),
        np.concatenate([values, np.full(len(together), cells.part, np.float32)]),
        items + cells.size,
    )
