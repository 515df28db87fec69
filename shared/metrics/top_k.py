"""Metrics of the first k places as RecBole and LensKit define them, of one wanted item or of a list with several.

Of n wanted items with h among the first k: recall h/n, precision h/k, F1 their harmonic mean 2h/(n+k), and MAP the mean
over min(n, k) of the precision at each place that holds a wanted item. GAUC (Zhu et al. 2017, "Optimized Cost per Click
in Taobao Display Advertising", arXiv:1703.02091) is the mean of lists' AUC, each counted by its wanted items. Equal
scores are taken in expectation where a metric is linear in the hits; for MAP of a list with several wanted items, these
stand last among their equals.
"""

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F64Array
from shared.metrics.ranking import RankResult


def top_k_of_one(ranks: RankResult, k: int) -> dict[str, F64Array]:
    """Recall, precision, F1 and MAP at k, float64 [m] each, of m questions with one wanted item each."""
    hits = ranks.hit_rate(k)
    return {
        f"recall@{k}": hits,
        f"precision@{k}": hits / k,
        f"f1@{k}": 2.0 * hits / (1 + k),
        f"map@{k}": ranks.reciprocal_rank(k),
    }


def top_k_of_list(scores: NDArray[np.float32], wanted: NDArray[np.bool_], k: int) -> dict[str, float]:
    """Recall, precision, F1 and MAP at k of one list.

    Args:
        scores: float32 [n].
        wanted: bool [n]; at least one true.
        k: places that count, also where the list is shorter.
    """
    count = int(wanted.sum())
    order = np.lexsort((wanted, -scores))[:k]
    held = wanted[order]
    precisions = np.cumsum(held) / np.arange(1, len(held) + 1)
    above = np.count_nonzero(scores[None, :] > scores[wanted][:, None], axis=1)
    equal = np.count_nonzero(scores[None, :] == scores[wanted][:, None], axis=1)
    hits = float(np.clip((k - above) / equal, 0.0, 1.0).sum())
    return {
        f"recall@{k}": hits / count,
        f"precision@{k}": hits / k,
        f"f1@{k}": 2.0 * hits / (count + k),
        f"map@{k}": float((precisions * held).sum()) / min(count, k),
    }


def grouped_auc(aucs: F64Array, wanted: F64Array) -> float | None:
    """GAUC of m lists; None without any.

    Args:
        aucs: float64 [m], NaN for a list that has none, which does not count.
        wanted: float64 [m], wanted items of each list.
    """
    known = ~np.isnan(aucs)
    return float(np.average(aucs[known], weights=wanted[known])) if known.any() else None
