"""What another way of recommending would have earned, from what was shown and taken under the present one.

Shown with known chances (propensities), each event stands for all that chance kept from being shown.
"""

import math
from dataclasses import dataclass

import numpy as np

from shared.arrays import F64Array
from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean reward of the other policy.

    Attributes:
        value: the estimate.
        standard_error: of it, from the spread of the events' terms.
        effective_events: (sum w)^2 / sum w^2 (Kish 1965): how many events it really rests on.
    """

    value: float
    standard_error: float
    effective_events: float


def inverse_propensity(
    rewards: F64Array, propensities: F64Array, targets: F64Array, most: float = math.inf
) -> Estimate:
    """IPS (Horvitz and Thompson 1952): unbiased, and noisy where the policies differ.

    Args:
        rewards: float64 [events], what came of each item shown.
        propensities: the chance with which it was shown, in (0, 1].
        targets: the chance with which the other policy would show it, in [0, 1].
        most: weights are cut here, which trades noise for bias.

    Raises:
        Misconfigured: no events, unlike lengths, or a chance outside its range.
    """
    weights = _weights(rewards, propensities, targets, most)
    return _estimate(weights * rewards, weights)


def self_normalised(rewards: F64Array, propensities: F64Array, targets: F64Array, most: float = math.inf) -> Estimate:
    """SNIPS (Swaminathan and Joachims 2015): divided by the sum of weights; slightly biased, far steadier."""
    weights = _weights(rewards, propensities, targets, most)
    total = float(weights.sum())
    if total == 0.0:
        return Estimate(0.0, math.inf, 0.0)
    value = float(weights @ rewards) / total
    error = math.sqrt(float(np.square(weights * (rewards - value)).sum())) / total
    return Estimate(value, error, total**2 / float(np.square(weights).sum()))


def doubly_robust(
    rewards: F64Array,
    propensities: F64Array,
    targets: F64Array,
    predicted: F64Array,
    expected: F64Array,
    most: float = math.inf,
) -> Estimate:
    """Doubly robust (Dudik, Langford and Li 2011): right if the propensities or the reward model are right.

    Args:
        rewards: see `inverse_propensity`.
        propensities: see `inverse_propensity`.
        targets: see `inverse_propensity`.
        predicted: float64 [events], the model's reward of what was shown.
        expected: float64 [events], the model's mean reward under the other policy at that moment.
        most: see `inverse_propensity`.
    """
    weights = _weights(rewards, propensities, targets, most)
    if predicted.shape != rewards.shape or expected.shape != rewards.shape:
        raise Misconfigured(
            f"doubly robust: expected {rewards.shape} predictions, got {predicted.shape} and {expected.shape}"
        )
    return _estimate(expected + weights * (rewards - predicted), weights)


def _weights(rewards: F64Array, propensities: F64Array, targets: F64Array, most: float) -> F64Array:
    if not len(rewards) or not rewards.shape == propensities.shape == targets.shape:
        raise Misconfigured(
            "off-policy: expected a reward, a propensity and a target chance of each of some events, got "
            f"{rewards.shape}, {propensities.shape}, {targets.shape}"
        )
    if not ((propensities > 0) & (propensities <= 1) & (targets >= 0) & (targets <= 1)).all():
        raise Misconfigured("off-policy: expected propensities above 0 up to 1 and target chances from 0 to 1")
    return np.asarray(np.minimum(targets / propensities, most))


def _estimate(terms: F64Array, weights: F64Array) -> Estimate:
    count = len(terms)
    error = float(terms.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    squares = float(np.square(weights).sum())
    return Estimate(float(terms.mean()), error, float(weights.sum()) ** 2 / squares if squares else 0.0)
