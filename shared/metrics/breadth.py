"""How much of the catalogue recommendations reach, and how unusual and unlike each other they are."""

import numpy as np
from numpy.typing import NDArray

Lists = NDArray[np.int64]  # [people, n] catalogue rows
FloatArray = NDArray[np.float64]


def coverage(lists: Lists, items: int) -> float:
    """Share of the catalogue that anybody is offered."""
    return len(np.unique(lists)) / items


def gini(lists: Lists, items: int) -> float:
    """Gini coefficient of how often each item is offered: 0 all alike, near 1 when a few get everything."""
    exposure = np.sort(np.bincount(lists.ravel(), minlength=items)).astype(np.float64)
    if not exposure.sum():
        return 0.0
    ranks = np.arange(1, items + 1)
    return float((2 * ranks - items - 1) @ exposure / (items * exposure.sum()))


def novelty(lists: Lists, counts: FloatArray) -> FloatArray:
    """Mean self-information of each list (Zhou et al. 2010), over that of an item that only one event is about.

    Args:
        counts: float64 [items], events about each item; one is added to each.

    Returns:
        float64 [people], 0 to 1.
    """
    shares = (counts + 1.0) / (counts + 1.0).sum()
    bits = -np.log2(shares)
    return np.asarray((bits[lists] / bits.max()).mean(1))


def intra_list_diversity(lists: Lists, vectors: NDArray[np.float32]) -> FloatArray:
    """Mean of one less the cosine over all pairs of a list, float64 [people] (Ziegler et al. 2005).

    Args:
        vectors: float32 [items, m], unit vectors.
    """
    n = lists.shape[1]
    if n < 2:
        return np.zeros(len(lists))
    listed = vectors[lists].astype(np.float64)
    total = np.square(listed.sum(1)).sum(-1)  # all ordered pairs, each item with itself included
    itself = np.square(listed).sum((1, 2))
    return np.asarray(1.0 - (total - itself) / (n * (n - 1)))
