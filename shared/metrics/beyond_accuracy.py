"""Beyond accuracy: diversity (coverage, Gini, novelty, intra-list diversity), calibration and fairness of lists."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F64Array

Lists = NDArray[np.int64]  # [people, n] catalogue rows

_SMOOTHING = 0.01  # of the person's own mix in the list's, so that a missing concept is bad and not infinitely so
WORST_CALIBRATION = float(-np.log(_SMOOTHING))  # nats, about 4.6
_FEWEST = 20  # a mean over fewer people says nothing of their group


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


def novelty(lists: Lists, counts: F64Array) -> F64Array:
    """Mean self-information of each list (Zhou et al. 2010), over that of an item that only one event is about.

    Args:
        lists: int64 [people, n], catalogue rows offered to each.
        counts: float64 [items], events about each item; one is added to each.

    Returns:
        float64 [people], 0 to 1.
    """
    shares = (counts + 1.0) / (counts + 1.0).sum()
    bits = -np.log2(shares)
    return np.asarray((bits[lists] / bits.max()).mean(1))


def intra_list_diversity(lists: Lists, vectors: NDArray[np.float32]) -> F64Array:
    """Mean of one less the cosine over all pairs of a list, float64 [people] (Ziegler et al. 2005).

    Args:
        lists: int64 [people, n], catalogue rows offered to each.
        vectors: float32 [items, m], unit vectors.
    """
    n = lists.shape[1]
    if n < 2:
        return np.zeros(len(lists))
    listed = vectors[lists].astype(np.float64)
    total = np.square(listed.sum(1)).sum(-1)  # all ordered pairs, each item with itself included
    itself = np.square(listed).sum((1, 2))
    return np.asarray(1.0 - (total - itself) / (n * (n - 1)))


def miscalibration(listed: NDArray[np.floating], own: NDArray[np.floating]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each list's concept mix from its person's own, in nats.

    Args:
        listed: [people, n, K], concept shares of the items of each list.
        own: [people, K], concept interests; rows sum to one.

    Returns:
        float64 [people], 0 for a list that mixes as the person does; at most `WORST_CALIBRATION`.
    """
    return divergence(np.asarray(own, np.float64), listed.mean(1, dtype=np.float64))


def divergence(own: NDArray[np.float64], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of list mixes [..., K] from a person's own [..., K], in nats: see `miscalibration`."""
    smoothed = (1.0 - _SMOOTHING) * mix + _SMOOTHING * own
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(own > 0, own * np.log(own / smoothed), 0.0)
    return np.asarray(terms.sum(-1))


@dataclass(frozen=True, slots=True)
class Gap:
    """A metric by group.

    Attributes:
        means: of each group, by name; None where it has fewer than 20 people.
        sizes: people in each.
        gap: largest less smallest mean; None with fewer than two groups that have one.
        interval: 95 % bootstrap interval of the gap between these two groups; it may reach below zero.
    """

    means: dict[str, float | None]
    sizes: dict[str, int]
    gap: float | None
    interval: tuple[float, float] | None


def quality_gap(values: NDArray[np.float64], groups: NDArray[np.str_], seed: int = 0, samples: int = 1000) -> Gap:
    """The gap in a metric between groups of people.

    Args:
        values: float64 [people].
        groups: names [people].
        seed: of the bootstrap.
        samples: how many times the people of both groups are drawn anew.
    """
    names = [str(name) for name in np.unique(groups)]
    members = {name: values[groups == name] for name in names}
    means = {name: float(of.mean()) if len(of) >= _FEWEST else None for name, of in members.items()}
    sizes = {name: len(of) for name, of in members.items()}
    known = sorted((mean, name) for name, mean in means.items() if mean is not None)
    if len(known) < 2:
        return Gap(means, sizes, None, None)
    (worst_mean, worst), (best_mean, best) = known[0], known[-1]
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(members[best], sizes[best]).mean() - rng.choice(members[worst], sizes[worst]).mean()
        for _ in range(samples)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Gap(means, sizes, best_mean - worst_mean, (float(low), float(high)))


def by_terciles(amounts: NDArray[np.float64], names: tuple[str, str, str]) -> NDArray[np.str_]:
    """Names [people] by which third of the people an amount lies in; equal amounts stay together."""
    low, high = np.quantile(amounts, [1 / 3, 2 / 3])
    return np.asarray(np.where(amounts <= low, names[0], np.where(amounts <= high, names[1], names[2])))
