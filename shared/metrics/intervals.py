"""How sure a mean over people is: percentile bootstrap (Efron 1979)."""

import numpy as np
from numpy.typing import NDArray


def bootstrap_interval(
    values: NDArray[np.float64], seed: int, confidence: float = 0.95, samples: int = 2000
) -> tuple[float, float]:
    """Interval of the mean of `values` [m] under resampling of people. For two models, give their paired differences.

    Returns:
        (low, high); (nan, nan) without values.
    """
    if not len(values):
        return (float("nan"), float("nan"))
    chance = np.random.default_rng(seed)
    means = np.array([values[chance.integers(len(values), size=len(values))].mean() for _ in range(samples)])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
