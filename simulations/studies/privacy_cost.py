"""How much of the quality without a promise is kept with one: the same people and seeds, paired by question."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulations.engine import Trained
from simulations.evaluation import Evaluation, evaluate
from simulations.studies.paired import judged_by, measure_of, share_kept
from simulations.studies.study_runs import StudyRuns


def measure_privacy_cost(trials: Sequence[StudyRuns], epsilons: Sequence[float]) -> dict[str, Any]:
    """Train without privacy and at each user-level epsilon, and set the test figures beside each other.

    Args:
        trials: one for each seed.
        epsilons: of the promise for a device's whole life.

    Returns:
        {"rows": one for each seed and epsilon, "kept": {epsilon: {"mean", "low", "high"}}}: the mean figure with the
        promise over that without, all seeds together, with its 95 % interval, see `simulations.studies.paired`.
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
    return {"rows": rows, "kept": {epsilon: share_kept(values, openly) for epsilon, values in promised.items()}}


def _asked(trial: StudyRuns, trained: Trained) -> Evaluation:
    return evaluate(trained.scorer, trial.world.split.test)


def _row(trial: StudyRuns, epsilon: str, evaluation: Evaluation) -> dict[str, Any]:
    way, name = measure_of(evaluation)
    low, high = evaluation.interval(way, name)
    return {
        "seed": trial.seed,
        "epsilon": epsilon,
        f"{way} {name}": float(np.nanmean(judged_by(evaluation))),
        f"{way} {name} interval": f"{low:.4f} to {high:.4f}",
        "full ndcg@10": float(np.nanmean(evaluation.values["full"]["ndcg@10"])),
    }
