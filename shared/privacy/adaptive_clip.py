"""A clipping norm that follows a quantile of the devices' norms (Andrew, Thakkar, McMahan, Ramaswamy 2021).

A device tells on which side of the norm it was inside its clipped vector, so that this costs no privacy of its own.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.privacy.quantise import clip


def next_clip(clip_norm: float, fraction_below: float, target_quantile: float, rate: float) -> float:
    """The clipping norm of the next round: `clip_norm * exp(-rate * (fraction_below - target_quantile))`.

    Args:
        clip_norm: of this round, above 0.
        fraction_below: share of devices whose norm was within the clipping norm; noise may put it outside [0, 1], and
            it is then taken for the end it passed.
        target_quantile: share that should be, in [0, 1]; 0.5 is the median.
        rate: step of the logarithm, above 0; 0.2 in the paper.

    Raises:
        Misconfigured: a number is impossible.
    """
    if not (0 < clip_norm < math.inf and 0 <= target_quantile <= 1 and 0 < rate < math.inf):
        raise Misconfigured(
            "adaptive clip: expected a norm and a rate above 0 and a quantile in [0, 1], "
            f"got {clip_norm}, {rate} and {target_quantile}"
        )
    if math.isnan(fraction_below):
        raise Misconfigured("adaptive clip: expected a fraction, got NaN")
    return clip_norm * math.exp(-rate * (min(1.0, max(0.0, fraction_below)) - target_quantile))


def with_indicator(vector: NDArray[np.floating[Any]], clip_norm: float, indicator_share: float) -> NDArray[np.float64]:
    """A device's vector, clipped, and one more coordinate that says whether clipping left it as it was.

    The vector is clipped to `clip_norm * sqrt(1 - indicator_share)`; the coordinate is `clip_norm *
    sqrt(indicator_share)`, positive if the vector was within that, else negative. Together their norm is at most
    `clip_norm`: emptying a person moves the sum by no more than without the coordinate, at noise for `clip_norm`.

    Args:
        vector: float [d].
        clip_norm: bound of what is returned.
        indicator_share: share of its square for the coordinate, in (0, 1). The fraction read from the mean then has a
            standard deviation of `noise / (2 sqrt(indicator_share))`, noise being that of one coordinate of the mean in
            clipping norms.

    Returns:
        float64 [d + 1].

    Raises:
        Misconfigured: as `clip`, or the share is out of range.
    """
    bound, coordinate = _parts(clip_norm, indicator_share)
    clipped = clip(vector, bound)
    within = np.array_equal(clipped, vector)
    return np.append(clipped, coordinate if within else -coordinate)


def read_indicator(
    mean: NDArray[np.floating[Any]], clip_norm: float, indicator_share: float
) -> tuple[NDArray[np.float64], float]:
    """The mean vector, float64 [d], and the share of devices within the norm, from a mean of `with_indicator` [d + 1].

    Noise may put the share outside [0, 1].

    Raises:
        Misconfigured: the share given to the coordinate is out of range.
    """
    _, coordinate = _parts(clip_norm, indicator_share)
    return mean[:-1].astype(np.float64), (float(mean[-1]) / coordinate + 1) / 2


def _parts(clip_norm: float, indicator_share: float) -> tuple[float, float]:
    if not 0 < indicator_share < 1:
        raise Misconfigured(f"indicator share: expected in (0, 1), got {indicator_share}")
    return clip_norm * math.sqrt(1 - indicator_share), clip_norm * math.sqrt(indicator_share)
