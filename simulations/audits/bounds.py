"""What an attack's successes say of epsilon and of mu: lower bounds and intervals that hold at a stated confidence."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
_LARGEST_EPSILON = 64.0


def one_run_p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Chance, at most, of so many right guesses under (epsilon, delta)-DP (Steinke, Nasr, Jagielski 2023).

    Args:
        canaries: each was in by a fair coin of its own.
        guesses: number of canaries guessed about, fixed beforehand.
        right: guesses that were right.
        epsilon: supposed.
        delta: supposed.
    """
    accuracy = 1 / (1 + math.exp(-epsilon))
    exact = float(stats.binom.sf(right - 1, guesses, accuracy))
    if right == 0:
        return min(exact, 1.0)
    # The largest mean, over i, of the i most likely counts below `right`.
    below = np.cumsum(stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, accuracy))
    alpha = float((below / np.arange(1, right + 1)).max())
    return min(exact + 2 * canaries * delta * alpha, 1.0)


def one_run_epsilon(canaries: int, guesses: int, right: int, delta: float, confidence: float = CONFIDENCE) -> float:
    """Largest epsilon that so many right guesses rule out at this confidence; 0 where they rule out none."""
    low, high = 0.0, _LARGEST_EPSILON
    for _ in range(50):
        middle = (low + high) / 2
        if one_run_p_value(canaries, guesses, right, middle, delta) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a canary moves a noised sum, in standard deviations of the noise.

    Attributes:
        mu: estimate.
        low, high: 95 % interval.
        above: one-sided 95 % upper bound.
    """

    mu: float
    low: float
    high: float
    above: float


def shift_between(present: NDArray[np.float64], absent: NDArray[np.float64], direction: NDArray[np.float64]) -> Shift:
    """Mean shift along a direction over the deviation of one coordinate's noise.

    The deviation is that of all coordinates together: their noise is independent and of one law, so that it is known
    far better than the shift.

    Args:
        present: sums with the canary, [N, d].
        absent: sums without, [N, d].
        direction: unit vector, [d], along which the canary lies.
    """
    count, width = present.shape
    variance = float((present.var(0, ddof=1).mean() + absent.var(0, ddof=1).mean()) / 2)
    mu = float((present.mean(0) - absent.mean(0)) @ direction) / math.sqrt(variance) if variance else math.inf
    error = math.sqrt(2 / count + mu**2 / (4 * (count - 1) * width)) if variance else 0.0
    both, one = (float(stats.norm.ppf(at)) for at in ((1 + CONFIDENCE) / 2, CONFIDENCE))
    return Shift(mu, mu - both * error, mu + both * error, mu + one * error)
