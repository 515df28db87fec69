"""Whether everybody is served alike: a metric by group, and the gap between the best and the worst served."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FEWEST = 20  # a mean over fewer people says nothing of their group


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
    """
    names = [str(name) for name in np.unique(groups)]
    members = {name: values[groups == name] for name in names}
    means = {name: float(of.mean()) if len(of) >= _FEWEST else None for name, of in members.items()}
    sizes = {name: len(of) for name, of in members.items()}
    known = sorted((mean, name) for name, mean in means.items() if mean is not None)
    if len(known) < 2:
        return Gap(means, sizes, None, None)
    (worst_mean, worst), (best_mean, best) = known[0], known[-1]
    chance = np.random.default_rng(seed)
    drawn = [
        chance.choice(members[best], sizes[best]).mean() - chance.choice(members[worst], sizes[worst]).mean()
        for _ in range(samples)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Gap(means, sizes, best_mean - worst_mean, (float(low), float(high)))


def by_terciles(amounts: NDArray[np.float64], names: tuple[str, str, str]) -> NDArray[np.str_]:
    """Names [people] by which third of the people an amount lies in; equal amounts stay together."""
    low, high = np.quantile(amounts, [1 / 3, 2 / 3])
    return np.asarray(np.where(amounts <= low, names[0], np.where(amounts <= high, names[1], names[2])))
