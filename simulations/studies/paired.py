"""Two models on the same questions: which figure counts, and how much of one is kept by the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.evaluation import Evaluation

_REPEATS = 1000


def measure_of(evaluation: Evaluation) -> tuple[str, str]:
    """Way of asking and metric that a data set is judged by: the AUC of shown lists, or sampled nDCG@10."""
    return ("impressions", "auc") if "impressions" in evaluation.values else ("sampled", "ndcg@10")


def judged_by(evaluation: Evaluation) -> NDArray[np.float64]:
    """That metric of each question, float64 [questions]; NaN where there is none."""
    way, name = measure_of(evaluation)
    return np.asarray(evaluation.values[way][name], np.float64)


def share_kept(found: Sequence[Evaluation], of: Sequence[Evaluation]) -> dict[str, float]:
    """The mean of some evaluations over that of others of the same questions, one of each for a seed.

    Returns:
        {"mean", "low", "high"}: the ratio and its 95 % interval. People are drawn anew, each with all answers of one
        seed (bootstrap of a ratio, Efron and Tibshirani 1993, "An Introduction to the Bootstrap").
    """
    pairs = [_sums(*pair) for pair in zip(found, of, strict=True)]
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(_REPEATS):
        drawn = [pair[:, rng.integers(pair.shape[1], size=pair.shape[1])].sum(1) for pair in pairs]
        mine, others = np.sum(drawn, axis=0)
        ratios.append(mine / others)
    mine, others = np.sum([pair.sum(1) for pair in pairs], axis=0)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"mean": float(mine / others), "low": float(low), "high": float(high)}


def _sums(*evaluations: Evaluation) -> NDArray[np.float64]:
    """Sums of each person's figures under each of two models, float64 [2, people]."""
    values = np.stack([judged_by(evaluation) for evaluation in evaluations])
    asked = ~np.isnan(values).any(0)
    whose = np.unique(evaluations[0].questions.people[asked], return_inverse=True)[1]
    return np.stack([np.bincount(whose, value[asked]) for value in values])
