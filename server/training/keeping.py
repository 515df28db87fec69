"""Which parameters are released: the newest, unless the federation's own evaluations say that they are worse.

Where they say so again and again, training ends early (Prechelt 1998, "Early Stopping - But When?").

An evaluation is a private sum like any other, so what is chosen by it is paid for. Its figure carries the noise of the
sum and the chance of who answered; only a loss that stands clear of both is one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.model import Vector

FIGURE = "ndcg@10"  # by which parameters are compared
_CLEAR = 1.645  # standard deviations of a difference: one side, 95 %


@dataclass(frozen=True, slots=True)
class Kept:
    """What evaluations have said so far.

    Attributes:
        vector: float32 [d], the newest parameters that were not found worse.
        round_number: after which round they were.
        worse: how many evaluations in a row, up to the newest, found clearly worse ones.
        best, deviation: the highest figure met, and its standard deviation.
    """

    vector: Vector
    round_number: int
    worse: int
    best: float
    deviation: float


def weigh(before: Kept | None, vector: Vector, round_number: int, metrics: Mapping[str, float]) -> Kept | None:
    """What is kept after an evaluation.

    Args:
        before: what was kept until then; None before the first.
        vector: float32 [d], the parameters that were evaluated.
        round_number: after which round.
        metrics: what the evaluation found (`shared.metrics.decode_metrics`); nothing where too few answered.

    Example:
        >>> kept = weigh(None, np.zeros(2, np.float32), 0, {"ndcg@10": 0.30, "ndcg@10 deviation": 0.01})
        >>> kept = weigh(kept, np.ones(2, np.float32), 5, {"ndcg@10": 0.20, "ndcg@10 deviation": 0.01})
        >>> kept.round_number, kept.worse
        (0, 1)
    """
    if FIGURE not in metrics:
        return before
    figure, deviation = metrics[FIGURE], metrics[f"{FIGURE} deviation"]
    if before is None:
        return Kept(vector, round_number, 0, figure, deviation)
    worse = before.best - figure > _CLEAR * math.hypot(deviation, before.deviation)
    best = (figure, deviation) if figure > before.best else (before.best, before.deviation)
    if worse:
        return Kept(before.vector, before.round_number, before.worse + 1, *best)
    return Kept(vector, round_number, 0, *best)
