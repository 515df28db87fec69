"""From composed events to the epsilon they amount to, by the exact privacy profile of the Gaussian mechanism.

Every event is a bounded vector under Gaussian noise, so that any number of them, chosen one after another in the light
of what came before, is at least as private as one Gaussian mechanism of the summed rho: such composition is a filter
(Smith, Thakurta 2022, "Fully Adaptive Composition for Gaussian Differential Privacy", arXiv:2210.17520). Its profile is
known in closed form (Balle, Wang 2018, "Improving the Gaussian Mechanism for Differential Privacy: Analytical
Calibration and Optimal Denoising", arXiv:1805.06530), which `dp_accounting` computes. Noise is drawn as whole numbers:
rounding a Gaussian's output only takes information away, and the discrete Gaussian differs from a rounded one by less
than what `shared/PRIVACY.md` adds to delta.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from shared.errors import Misconfigured
from shared.privacy.events import PrivacyEvent

LARGEST_PROMISE = 20.0  # e to a larger power says nothing to anybody
# Relative, on the safe side: above the error of the root finders, and the 1/12 that rounding takes from a variance.
_SOLVER_ERROR = 1e-8
_SMALLEST_RHO = 1e-9  # below, the root finder is not exact; the epsilon of this one, below 1e-4, is told for all

AnyEvent = TypeVar("AnyEvent", bound=PrivacyEvent)


def composed_epsilon(events: Mapping[AnyEvent, int], delta: float) -> float:
    """Smallest epsilon that all events together keep at `delta`; 0 without any.

    Args:
        events: how often each happened; all of one level.
        delta: in (0, 1).

    Raises:
        Misconfigured: levels are mixed, or a number is impossible.

    Example:
        >>> from shared.privacy import SummedGaussian, composed_epsilon
        >>> round(composed_epsilon({SummedGaussian("update", 0.05): 20}, 1e-6), 2)
        7.29
    """
    if any(type(count) is not int or count < 0 for count in events.values()):
        raise Misconfigured("events: expected whole counts of at least 0")
    levels = sorted({event.level for event, count in events.items() if count})
    if len(levels) > 1:
        raise Misconfigured(f"events: expected one level, got {' and '.join(levels)}; account for each by itself")
    return epsilon_of_rho(math.fsum(event.rho * count for event, count in events.items()), delta)


def epsilon_text(epsilon: float) -> str:
    """An epsilon for people, who should not take e to the power of 20 and more for a promise."""
    return f"{epsilon:.3g}" if epsilon <= LARGEST_PROMISE else f"{epsilon:.3g}, no promise"


@lru_cache(maxsize=16384)
def epsilon_of_rho(rho: float, delta: float) -> float:
    """Epsilon at `delta` of a Gaussian mechanism whose squared sensitivity is `2 * rho` variances of its noise.

    Raises:
        Misconfigured: delta is not in (0, 1), or rho not a number of at least 0.
    """
    if not 0 < delta < 1:
        raise Misconfigured(f"delta: expected in (0, 1), got {delta}")
    if not 0 <= rho < math.inf:
        raise Misconfigured(f"rho: expected a number of at least 0, got {rho}")
    if rho == 0:
        return 0.0
    from dp_accounting.gaussian_mechanism import get_epsilon_gaussian  # half a second, for nobody who only ranks

    return float(get_epsilon_gaussian(1 / math.sqrt(2 * max(rho, _SMALLEST_RHO)), delta)) * (1 + _SOLVER_ERROR)


@lru_cache(maxsize=256)
def rho_for(epsilon: float, delta: float) -> float:
    """Largest rho whose epsilon at `delta` stays within `epsilon`, but for one part in ten million.

    Raises:
        Misconfigured: epsilon is not a number above 0, or delta not in (0, 1).
    """
    if not 0 < epsilon < math.inf:
        raise Misconfigured(f"epsilon: expected a number above 0, got {epsilon}")
    if not 0 < delta < 1:
        raise Misconfigured(f"delta: expected in (0, 1), got {delta}")
    from dp_accounting.gaussian_mechanism import get_sigma_gaussian

    return float(1 / (2 * get_sigma_gaussian(epsilon, delta) ** 2)) * (1 - 10 * _SOLVER_ERROR)
