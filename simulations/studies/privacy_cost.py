"""How much of the quality without a promise is kept with one: the same people and seeds, paired by question."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.engine import Trained
from simulations.evaluation import Evaluation, evaluate
from simulations.studies.study_runs import StudyRuns

_REPEATS = 1000


def measure_privacy_cost(trials: Sequence[StudyRuns], epsilons: Sequence[float]) -> dict[str, Any]:
    """Train without privacy and at each user-level epsilon, and set the test figures beside each other.

    Args:
        trials: one for each seed.
        epsilons: of the promise for a device's whole life.

    Returns:
        {"rows": one for each seed and epsilon, "kept": {epsilon: {"mean", "low", "high"}}}: the mean figure with the
        promise over that without, all seeds together, with its 95 % interval: people are drawn anew (bootstrap of a
        ratio, Efron and Tibshirani 1993, "An Introduction to the Bootstrap"), each with all answers of one seed.
    """
    rows: list[dict[str, Any]] = []
    openly: list[Evaluation] = []
    promised: dict[str, list[Evaluation]] = {f"{epsilon:g}": [] for epsilon in epsilons}
    for trial in trials:
        without = _asked(trial, trial.train())
        openly.append(without)
        rows.append(_row(trial, "none", without))
        for epsilon in epsilons:
            trained = trial.train(f"privacy.user_epsilon={epsilon!r}", privacy="user", aggregation="ideal")
            evaluation = _asked(trial, trained)
            promised[f"{epsilon:g}"].append(evaluation)
            rows.append(_row(trial, f"{epsilon:g}", evaluation))
    return {"rows": rows, "kept": {epsilon: _kept(openly, values) for epsilon, values in promised.items()}}


def _asked(trial: StudyRuns, trained: Trained) -> Evaluation:
    return evaluate(trained.scorer, trial.world.split.test)


def _headline(evaluation: Evaluation) -> NDArray[np.float64]:
    way, name = _measure(evaluation)
    return np.asarray(evaluation.values[way][name], np.float64)


def _measure(evaluation: Evaluation) -> tuple[str, str]:
    return ("impressions", "auc") if "impressions" in evaluation.values else ("sampled", "ndcg@10")


def _row(trial: StudyRuns, epsilon: str, evaluation: Evaluation) -> dict[str, Any]:
    way, name = _measure(evaluation)
    low, high = evaluation.interval(way, name)
    return {
        "seed": trial.seed,
        "epsilon": epsilon,
        f"{way} {name}": float(np.nanmean(_headline(evaluation))),
        f"{way} {name} interval": f"{low:.4f} to {high:.4f}",
        "full ndcg@10": float(np.nanmean(evaluation.values["full"]["ndcg@10"])),
    }


def _kept(openly: Sequence[Evaluation], promised: Sequence[Evaluation]) -> dict[str, float]:
    pairs = [_sums(with_promise, without) for with_promise, without in zip(promised, openly, strict=True)]
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(_REPEATS):
        drawn = [pair[:, rng.integers(pair.shape[1], size=pair.shape[1])].sum(1) for pair in pairs]
        with_promise, without = np.sum(drawn, axis=0)
        ratios.append(with_promise / without)
    with_promise, without = np.sum([pair.sum(1) for pair in pairs], axis=0)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"mean": float(with_promise / without), "low": float(low), "high": float(high)}


def _sums(*evaluations: Evaluation) -> NDArray[np.float64]:
    """Sums of each person's figures under each of two models, float64 [2, people]."""
    values = np.stack([_headline(evaluation) for evaluation in evaluations])
    asked = ~np.isnan(values).any(0)
    whose = np.unique(evaluations[0].questions.people[asked], return_inverse=True)[1]
    return np.stack([np.bincount(whose, value[asked]) for value in values])
