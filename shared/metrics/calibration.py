"""Whether a list mixes concepts as its person does, and a re-ranking that brings it nearer (Steck 2018)."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

_SMOOTHING = 0.01  # of the person's own mix in the list's, so that a missing concept is bad and not infinitely so


def miscalibration(listed: FloatArray, own: FloatArray) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each list's concept mix from its person's own, in nats.

    Args:
        listed: [people, n, K], concept shares of the items of each list.
        own: [people, K], concept interests; rows sum to one.

    Returns:
        float64 [people], 0 for a list that mixes as the person does; at most log(1 / 0.01), about 4.6.
    """
    return _divergence(np.asarray(own, np.float64), listed.mean(1, dtype=np.float64))


def calibrated(
    scores: FloatArray, shares: FloatArray, own: FloatArray, count: int, strength: float
) -> NDArray[np.int64]:
    """Choose `count` of the candidates greedily, weighing score against calibration.

    Each step takes the candidate that makes (1 - strength) * (mean score, scaled to the candidates' range) less
    strength * miscalibration of the list so far the largest.

    Args:
        scores: [n], falling.
        shares: [n, K], concept shares of the candidates.
        own: [K], the person's mix.
        strength: 0 keeps the order as it is, 1 looks at calibration alone.

    Returns:
        int64 [count], places among the candidates.
    """
    count = min(count, len(scores))
    if strength == 0.0:
        return np.arange(count)
    relevance = (scores - scores.min()) / max(float(scores.max() - scores.min()), 1e-12)
    mine = np.asarray(own, np.float64)
    left = np.ones(len(scores), bool)
    mix, chosen = np.zeros(len(mine)), []
    for place in range(1, count + 1):
        distance = _divergence(mine, np.asarray((mix + shares) / place, np.float64))
        worth = np.where(left, (1.0 - strength) * relevance / place - strength * distance, -np.inf)
        best = int(worth.argmax())
        chosen.append(best)
        left[best] = False
        mix = mix + shares[best]
    return np.array(chosen, np.int64)


def _divergence(own: NDArray[np.float64], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed = (1.0 - _SMOOTHING) * mix + _SMOOTHING * own
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(own > 0, own * np.log(own / smoothed), 0.0)
    return np.asarray(terms.sum(-1))
