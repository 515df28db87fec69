"""What attacks are measured by, and what differential privacy allows of it."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu


def ranking_auc(scores: NDArray[np.float64], wanted: NDArray[np.int64]) -> float:
    """Chance that a wanted place scores above one that is not, ties counted half.

    Args:
        scores: float64 [n].
        wanted: distinct places of the wanted, at least one and not all.
    """
    is_wanted = np.zeros(len(scores), bool)
    is_wanted[wanted] = True
    above = mannwhitneyu(scores[is_wanted], scores[~is_wanted], method="asymptotic").statistic
    return float(above) / (int(is_wanted.sum()) * int((~is_wanted).sum()))


def guessing_deviation(wanted: int, others: int, attacks: int) -> float:
    """Standard error of the mean AUC of so many attacks whose scores know nothing of what is wanted."""
    return math.sqrt((wanted + others + 1) / (12 * wanted * others) / attacks)


def rate_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a rate (Clopper, Pearson 1934)."""
    low, high = binomtest(successes, trials).proportion_ci(confidence)
    return float(low), float(high)


def advantage_of(
    without: NDArray[np.float64], having: NDArray[np.float64], threshold: float
) -> tuple[float, tuple[float, float]]:
    """True positives' rate less false positives', with a 95 % interval (Newcombe's hybrid score, method 10)."""
    rates, ends = [], []
    for values in (having, without):
        above = int((values > threshold).sum())
        rates.append(above / len(values))
        interval = binomtest(above, len(values)).proportion_ci(0.95, method="wilson")
        ends.append((rates[-1] - interval.low, interval.high - rates[-1]))
    difference = rates[0] - rates[1]
    low = difference - math.hypot(ends[0][0], ends[1][1])
    high = difference + math.hypot(ends[0][1], ends[1][0])
    return difference, (low, high)


def allowed_advantage(epsilon: float, delta: float) -> float:
    """Most that (epsilon, delta) lets any test be right more often than it is wrong (Kairouz, Oh, Viswanath 2015)."""
    return math.tanh(epsilon / 2) * (1 - delta) + delta


def allowed_detection(epsilon: float, delta: float, false_positives: float) -> float:
    """Most true positives that (epsilon, delta) allows at a rate of false ones (Kairouz, Oh, Viswanath 2015)."""
    one_way = math.exp(epsilon) * false_positives + delta
    other_way = 1 - math.exp(-epsilon) * (1 - delta - false_positives)
    return min(1.0, one_way, other_way)


def detection_at(
    scores_out: NDArray[np.float64], scores_in: NDArray[np.float64], false_positives: float
) -> tuple[int, int]:
    """How many of those that are in score above the threshold that few enough of the others pass.

    Returns:
        True positives, and how many false ones there are beside them: at most that rate.
    """
    ordered = np.sort(scores_out)[::-1]
    threshold = ordered[min(int(false_positives * len(ordered)), len(ordered) - 1)]
    return int((scores_in > threshold).sum()), int((scores_out > threshold).sum())
