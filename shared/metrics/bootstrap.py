"""How sure a mean over people is: percentile bootstrap (Efron 1979).

It never takes one person's questions for several people's.
"""

import numpy as np
from numpy.typing import NDArray


def bootstrap_interval(
    values: NDArray[np.float64],
    seed: int,
    confidence: float = 0.95,
    samples: int = 2000,
    *,
    people: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Interval of the mean of `values` [m] under resampling of people. For two models, give their paired differences.

    Args:
        values: float64 [m], one or more for each person.
        seed: of the draws.
        confidence: chance that such intervals hold the mean, in (0, 1).
        samples: how many times the people are drawn anew.
        people: whose value each one is, [m]; a person's values are drawn together. Left out, each is another person's.
        weights: how much each value counts in the mean, float64 [m], none below 0; all the same when left out. Draws
            in which nothing counts are left out.

    Returns:
        (low, high); (nan, nan) without values.
    """
    if not len(values):
        return (float("nan"), float("nan"))
    whose = np.arange(len(values)) if people is None else np.unique(people, return_inverse=True)[1]
    counting = np.ones(len(values)) if weights is None else weights
    sums, counts = np.bincount(whose, values * counting), np.bincount(whose, counting)
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    for sample in range(samples):
        drawn = rng.integers(len(sums), size=len(sums))
        total = counts[drawn].sum()
        means[sample] = sums[drawn].sum() / total if total else np.nan
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
