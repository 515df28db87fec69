"""What a device says of its own rankings inside an evaluation's sum: which number stands where, and how sums are read.

Every figure lies in 0 to 1 and is sent less one half: the norm is then half of what it would be, and so is the noise
that hides it. How many events a device has is told by one of three marks, for how well each third of people fares. The
marks together count the devices that had something to be measured on: one that had nothing adds zeros, and a mean over
all who answered would take those for figures of one half.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

QUALITY = ("hr@10", "ndcg@10", "mrr", "auc")
BREADTH = ("intra-list diversity", "novelty", "calibration")
METRIC_GROUPS = ("few events", "some events", "many events")  # fewer than 10, fewer than 30, 30 and more
_FROM = (10, 30)
_BESIDE = 0.5  # scale of all that is not quality: it may be noisier than the learning curve
_CLEAR = 3.0  # standard deviations that a count of devices must stand above its noise to be divided by

MEASURES = len(QUALITY) + len(BREADTH) + 2 * len(METRIC_GROUPS)
MEASURES_NORM = math.sqrt(len(QUALITY) / 4 + _BESIDE**2 * (len(BREADTH) / 4 + 1 + 1 / 4))  # L2, at most


def metric_group(events: int) -> str:
    """Which third of `METRIC_GROUPS` somebody with so many events is in."""
    return METRIC_GROUPS[sum(events >= least for least in _FROM)]


def encode_metrics(figures: Mapping[str, float], events: int) -> NDArray[np.float32]:
    """One device's figures as numbers, float32 [13].

    Args:
        figures: by the names in `QUALITY` and `BREADTH`, each 0 to 1.
        events: how many the device ranks from.
    """
    marks = np.zeros((len(METRIC_GROUPS), 2))
    marks[METRIC_GROUPS.index(metric_group(events))] = 1.0, figures["ndcg@10"] - 0.5
    beside = [figures[name] - 0.5 for name in BREADTH]
    quality = [figures[name] - 0.5 for name in QUALITY]
    return np.array([*quality, *(_BESIDE * value for value in [*beside, *marks.ravel()])], np.float32)


def decode_metrics(total: NDArray[np.float64], deviation: float) -> dict[str, float]:
    """What a sum of such numbers says: means by name over the devices that had something to be measured on.

    "ndcg@10, few events" and so on for each group large enough to be told from noise, and "gap" between the best and
    the worst of them, if there are two; "ndcg@10 deviation" and so on is the standard deviation of each, the noise's
    and that of who answered together. Nothing at all where all those devices are too few to be told from noise.

    Args:
        total: float64 [13]; devices that had nothing are zeros in it.
        deviation: of the noise on each number of the total.
    """
    split = len(QUALITY) + len(BREADTH)
    marks = total[split:].reshape(-1, 2) / _BESIDE
    noise = deviation / _BESIDE
    one = _inverse(float(marks[:, 0].sum()), noise * math.sqrt(len(marks)))
    if one is None:
        return {}
    means = dict(zip(QUALITY, total[: len(QUALITY)] * one, strict=True))
    means |= zip(BREADTH, total[len(QUALITY) : split] / _BESIDE * one, strict=True)
    deviations = dict.fromkeys(QUALITY, _deviation(deviation, one)) | dict.fromkeys(BREADTH, _deviation(noise, one))
    groups = {}
    for group, (count, above) in zip(METRIC_GROUPS, marks, strict=True):
        if (of_group := _inverse(count, noise)) is not None:
            name = f"{QUALITY[1]}, {group}"
            groups[name], deviations[name] = above * of_group, _deviation(noise, of_group)
    figures = {name: float(min(max(mean + 0.5, 0.0), 1.0)) for name, mean in (means | groups).items()}
    if len(groups) > 1:
        worst, *_, best = sorted(groups, key=figures.__getitem__)
        figures["gap"] = figures[best] - figures[worst]
        deviations["gap"] = math.hypot(deviations[best], deviations[worst])
    return figures | {f"{name} deviation": value for name, value in deviations.items()}


def _deviation(noise: float, inverse: float) -> float:
    """Of a mean, from the noise on its sum and the inverse of its count.

    No figure in 0 to 1 deviates by more than one half from person to person.
    """
    return math.sqrt((noise * inverse) ** 2 + 0.25 * inverse)


def _inverse(count: float, deviation: float) -> float | None:
    """One over a count that noise was added to; None where it does not stand clear of the noise.

    The inverse of a noisy number is too large in the mean, to second order by the square of deviation over count.
    """
    if count <= max(0.5, _CLEAR * deviation):
        return None
    return (1.0 - (deviation / count) ** 2) / count
