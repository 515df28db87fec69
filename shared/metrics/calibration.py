"""Whether a list mixes concepts as its person does (Steck 2018)."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

_SMOOTHING = 0.01  # of the person's own mix in the list's, so that a missing concept is bad and not infinitely so
WORST_CALIBRATION = float(-np.log(_SMOOTHING))  # nats, about 4.6


def miscalibration(listed: FloatArray, own: FloatArray) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each list's concept mix from its person's own, in nats.

    Args:
        listed: [people, n, K], concept shares of the items of each list.
        own: [people, K], concept interests; rows sum to one.

    Returns:
        float64 [people], 0 for a list that mixes as the person does; at most `WORST_CALIBRATION`.
    """
    return divergence(np.asarray(own, np.float64), listed.mean(1, dtype=np.float64))


def divergence(own: NDArray[np.float64], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of list mixes [..., K] from a person's own [..., K], in nats: see `miscalibration`."""
    smoothed = (1.0 - _SMOOTHING) * mix + _SMOOTHING * own
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(own > 0, own * np.log(own / smoothed), 0.0)
    return np.asarray(terms.sum(-1))
