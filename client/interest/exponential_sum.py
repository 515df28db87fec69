"""Power-law forgetting a^-gamma as a sum of exponentials, so that a new event costs the same after any history.

A power of the age mixes all time scales, so no single number can carry it on; two dozen exponentials can (Beylkin and
Monzon 2005, "On approximation of functions by exponential sums").
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F64Array

LONGEST = 10_000  # ages up to here are forgotten as the power says, to within one in two thousand for gamma up to 3
_STEP = 0.7  # between logarithms of neighbouring rates
_SLOWEST, _FASTEST = 1e-7, 40.0


@dataclass(frozen=True, slots=True)
class Decay:
    """Weights of events by age rank (1 is the newest): sum of shares * exp(-rates * age)."""

    rates: F64Array
    shares: F64Array

    @classmethod
    def power(cls, gamma: float) -> "Decay":
        """a^-gamma, for gamma >= 0, as a sum of exponentials.

        The integral of s^(gamma-1) exp(-a s) / Gamma(gamma) by the trapezoid rule over log s; what lies below the
        slowest rate does not fade.
        """
        if gamma < 1e-6:  # training may lead below zero; nothing then weighs more for being older
            return cls(np.zeros(1), np.ones(1))
        logs = np.arange(math.log(_SLOWEST), math.log(_FASTEST), _STEP)
        shares = _STEP * np.exp(gamma * logs) / math.gamma(gamma)
        below = shares[0] / math.expm1(_STEP * gamma)  # the geometric sum over all slower rates
        return cls(np.append(np.exp(logs), 0.0), np.append(shares, below))

    def weights(self, ages: NDArray[np.float64]) -> F64Array:
        """Float64, one for each age."""
        return np.asarray(np.exp(-np.multiply.outer(ages, self.rates)) @ self.shares)


class ExponentialSum:
    """The weighted sum of all vectors ever taken in, each weighing by the events that aged it since."""

    def __init__(self, decay: Decay, width: int) -> None:
        self._decay = decay
        self._retained = np.exp(-decay.rates)[:, None]
        self._sums = np.zeros((len(decay.rates), width))

    def __repr__(self) -> str:
        return f"ExponentialSum({self._sums.shape[0]} time scales)"

    def take(self, vector: NDArray[np.floating], ages: bool) -> None:
        """Take in a vector, [width], as the newest; one that `ages` makes all before it older by one."""
        if ages:
            self._sums *= self._retained
        self._sums += vector

    def value(self, newer: int) -> F64Array:
        """The sum, float64 [width], when `newer` further events are kept elsewhere."""
        return np.asarray((self._decay.shares * np.exp(-self._decay.rates * (newer + 1))) @ self._sums)
