"""Ranking metrics of one wanted item, or of a list with several.

Ties are taken in expectation: each metric is its mean over all orders of the items that score the same, so nobody gains
or loses by giving equal scores.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F64Array

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RankResult:
    """Where m wanted items stand, each among its others.

    An item with 8 others above it and 3 level with it holds place 9, 10, 11 or 12 with equal chance: its rank is 10.5
    (ties count half), its HR@10 is 2/4, and its nDCG@10 is the mean of 1/log2(10), 1/log2(11), 0 and 0.

    Attributes:
        above, level, others: int64 [m], how many others score more, score the same, and compete at all.
    """

    above: Counts
    level: Counts
    others: Counts

    @property
    def rank(self) -> F64Array:
        """Mean place, counted from 1."""
        return 1.0 + self.above + 0.5 * self.level

    def hit_rate(self, k: int) -> F64Array:
        """Chance of a place among the first k."""
        return self._mean_gain(np.ones(k))

    def ndcg(self, k: int) -> F64Array:
        """Mean of 1 / log2(place + 1) over places up to k, 0 beyond: the ideal gain of a single wanted item is 1."""
        return self._mean_gain(discounts(k))

    def reciprocal_rank(self, k: int | None = None) -> F64Array:
        """Mean of 1 / place, 0 beyond place k; all places count when it is left out."""
        places = self.others.max(initial=0) + 1 if k is None else k
        return self._mean_gain(1.0 / np.arange(1, places + 1))

    def auc(self) -> F64Array:
        """Share of the others that score less, ties half; NaN without others."""
        with np.errstate(invalid="ignore"):
            return 1.0 - (self.above + 0.5 * self.level) / self.others

    def _mean_gain(self, gains: F64Array) -> F64Array:
        """Mean over the possible places of the gain of each place; places past the last gain have none."""
        sums = np.concatenate([[0.0], np.cumsum(gains)])
        first = np.minimum(self.above, len(gains))
        last = np.minimum(self.above + self.level + 1, len(gains))
        return (sums[last] - sums[first]) / (self.level + 1)


def rank_result(wanted: NDArray[np.float32], others: NDArray[np.float32], counted: NDArray[np.bool_]) -> RankResult:
    """Compare each wanted item with its others.

    Args:
        wanted: float32 [m], score of the wanted item.
        others: float32 [m, n], scores of the others; no NaN, which would stand neither above nor below.
        counted: bool [m, n], which of the others compete; never the wanted item itself.
    """
    above = np.count_nonzero((others > wanted[:, None]) & counted, axis=1)
    level = np.count_nonzero((others == wanted[:, None]) & counted, axis=1)
    return RankResult(np.asarray(above), np.asarray(level), np.asarray(np.count_nonzero(counted, axis=1)))


def discounts(k: int) -> F64Array:
    """1 / log2(place + 1) for places 1 to k."""
    return 1.0 / np.log2(np.arange(2, k + 2))


def list_metrics(scores: NDArray[np.float32], clicked: NDArray[np.bool_]) -> dict[str, float]:
    """AUC, MRR, nDCG@5 and nDCG@10 of one shown list, as the MIND benchmark defines them (Wu et al., ACL 2020).

    MRR is the mean of the clicked items' reciprocal places in the whole list, the other clicked items included.

    Args:
        scores: float32 [n].
        clicked: bool [n]; at least one true and one false.
    """
    wanted = scores[clicked]
    beside = np.ones((len(wanted), len(scores)), bool)
    beside[np.arange(len(wanted)), np.flatnonzero(clicked)] = False
    unclicked = beside & ~clicked
    everyone = np.broadcast_to(scores, beside.shape)
    in_list = rank_result(wanted, everyone, beside)

    def ndcg(k: int) -> float:
        return float(in_list.ndcg(k).sum() / discounts(k)[: len(wanted)].sum())

    return {
        "auc": float(rank_result(wanted, everyone, unclicked).auc().mean()),
        "mrr": float(in_list.reciprocal_rank().mean()),
        "ndcg@5": ndcg(5),
        "ndcg@10": ndcg(10),
    }
