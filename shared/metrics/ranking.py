"""Ranking metrics of one wanted item, or of a list with several. Ties count half."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def ranks(wanted: NDArray[np.float32], others: NDArray[np.float32], counted: NDArray[np.bool_]) -> FloatArray:
    """Rank of each wanted item among its others: 1 + those above + half of those level with it.

    Args:
        wanted: float32 [m], score of the wanted item.
        others: float32 [m, n], scores of the others.
        counted: bool [m, n], which of the others compete.
    """
    above = ((others > wanted[:, None]) & counted).sum(1)
    level = ((others == wanted[:, None]) & counted).sum(1)
    return 1.0 + above + 0.5 * level


def hit_rate(rank: FloatArray, k: int) -> FloatArray:
    """1 where the rank is at most k, else 0."""
    return (rank <= k).astype(np.float64)


def ndcg(rank: FloatArray, k: int) -> FloatArray:
    """1 / log2(rank + 1) where the rank is at most k, else 0: the ideal gain of a single wanted item is 1."""
    return np.where(rank <= k, 1.0 / np.log2(rank + 1.0), 0.0)


def reciprocal_rank(rank: FloatArray) -> FloatArray:
    """1 / rank."""
    return 1.0 / rank


def auc_of_rank(rank: FloatArray, others: NDArray[np.int64]) -> FloatArray:
    """Share of the `others` (count) that lie below the wanted item, ties half; NaN without others."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(others > 0, 1.0 - (rank - 1.0) / others, np.nan)


def list_metrics(scores: NDArray[np.float32], clicked: NDArray[np.bool_]) -> dict[str, float]:
    """AUC, MRR, nDCG@5 and nDCG@10 of one shown list, as the MIND benchmark defines them (Wu et al., ACL 2020).

    MRR is the mean of the clicked items' reciprocal ranks. Items that tie are ranked in expectation for AUC (half each) and in
    the list's order otherwise.

    Args:
        scores: float32 [n].
        clicked: bool [n]; at least one true and one false.
    """
    order = np.argsort(-scores, kind="stable")
    gains = clicked[order].astype(np.float64)
    places = np.arange(1, len(scores) + 1)
    positives = int(clicked.sum())
    pairs = scores[clicked][:, None] - scores[~clicked][None, :]
    discounts = 1.0 / np.log2(places + 1.0)

    def at(k: int) -> float:
        return float((gains[:k] * discounts[:k]).sum() / discounts[: min(k, positives)].sum())

    return {
        "auc": float(((pairs > 0) + 0.5 * (pairs == 0)).mean()),
        "mrr": float((gains / places).sum() / positives),
        "ndcg@5": at(5),
        "ndcg@10": at(10),
    }
