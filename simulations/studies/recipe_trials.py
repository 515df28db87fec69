"""Whether the recipe fits data that nobody chose it on: beside settings drawn at random, as a search would try them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from simulations.engine import Trained
from simulations.evaluation import evaluate
from simulations.studies.paired import judged_by, share_kept
from simulations.studies.study_runs import StudyRuns

_SMALL = ("forgetting", "scales")
_GROUPS = (
    _SMALL,
    (*_SMALL, "dense"),
    (*_SMALL, "dense", "bias"),
    (*_SMALL, "dense", "transitions", "bias"),
    (*_SMALL, "dense", "transitions", "bias", "concepts"),
)
# What someone who knows the field would try, by key of the federation file.
_DRAWN: Mapping[str, Callable[[np.random.Generator], object]] = MappingProxyType(
    {
        "optimizer.learning_rate": lambda rng: round(float(np.exp(rng.uniform(np.log(0.003), np.log(0.1)))), 4),
        "training.rounds": lambda rng: int(rng.choice([8, 20, 40, 80])),
        "training.groups": lambda rng: list(_GROUPS[rng.integers(len(_GROUPS))]),
        "windows.events": lambda rng: int(rng.choice([16, 32, 64])),
        "windows.per_device": lambda rng: int(rng.choice([1, 2, 4])),
        "windows.negatives": lambda rng: int(rng.choice([32, 64, 128])),
        "model.dense_trained": lambda rng: int(rng.choice([16, 32, 64, 128])),
        "model.dense_scale": lambda rng: float(rng.choice([2.0, 4.0, 8.0])),
        "clipping.update_norm": lambda rng: float(rng.choice([0.001, 0.01, 0.1])),
        "privacy.shares.statistics": lambda rng: float(rng.choice([0.05, 0.1, 0.2, 0.4])),
    }
)


def measure_recipe(trial: StudyRuns, epsilon: float, tries: int) -> dict[str, Any]:
    """Train by the recipe and with settings drawn at random, all under one user-level promise.

    Args:
        trial: how to train.
        epsilon: of the promise for a device's whole life.
        tries: how many settings are drawn.

    Returns:
        {"rows": the recipe and each draw, with the figure of the validation part, "recipe_over_best": {"mean", "low",
        "high"}}: the recipe's figure over that of the draw which is best on the validation part, both on the test part,
        which is asked of these two alone.
    """

    def train(wishes: Sequence[str]) -> tuple[float, Trained]:
        trained = trial.train(f"privacy.user_epsilon={epsilon!r}", *wishes, privacy="user", aggregation="ideal")
        return float(np.nanmean(judged_by(evaluate(trained.scorer, trial.world.split.validation)))), trained

    rng = np.random.default_rng(trial.seed)
    figure, by_recipe = train([])
    rows: list[dict[str, Any]] = [{"settings": "recipe", "validation": figure, "drawn": ""}]
    highest, best = -np.inf, by_recipe
    for number in range(1, tries + 1):
        wishes = [f"{key}={draw(rng)!r}" for key, draw in _DRAWN.items()]
        figure, trained = train(wishes)
        rows.append({"settings": f"random {number}", "validation": figure, "drawn": " ".join(wishes)})
        if figure > highest:
            highest, best = figure, trained
    mine, theirs = (evaluate(trained.scorer, trial.world.split.test) for trained in (by_recipe, best))
    return {
        "rows": rows,
        "recipe": float(np.nanmean(judged_by(mine))),
        "best of the random ones": float(np.nanmean(judged_by(theirs))),
        "recipe_over_best": share_kept([mine], [theirs]),
    }
