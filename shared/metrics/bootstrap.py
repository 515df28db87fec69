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
) -> tuple[float, float]:
    """Interval of the mean of `values` [m] under resampling of people. For two models, give their paired differences.

    Args:
        values: float64 [m], one or more for each person.
        seed: of the draws.
        confidence: chance that such intervals hold the mean, in (0, 1).
        samples: how many times the people are drawn anew.
        people: whose value each one is, [m]; a person's values are drawn together. Left out, each is another person's.

    Returns:
        (low, high); (nan, nan) without values.
    """
    if not len(values):
        return (float("nan"), float("nan"))
    whose = np.arange(len(values)) if people is None else np.unique(people, return_inverse=True)[1]
    sums, counts = np.bincount(whose, values), np.bincount(whose)
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    for sample in range(samples):
        drawn = rng.integers(len(sums), size=len(sums))
        means[sample] = sums[drawn].sum() / counts[drawn].sum()
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
