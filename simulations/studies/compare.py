"""Several models on the same data, the same split and the same questions, side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shared.arguments import PathArgument, path_or_none
from shared.federation import PLAIN_HEAD_GROUPS
from shared.metrics import bootstrap_interval
from simulations.arguments import check_arguments
from simulations.datasets import load, spec_of
from simulations.engine import Trained
from simulations.evaluation import Evaluation, World, evaluate
from simulations.options import Engine
from simulations.report import Progress
from simulations.studies.ablations import measure_ablations
from simulations.studies.baseline_comparison import measure_baselines
from simulations.studies.clicks import measure_clicks
from simulations.studies.cold_start import measure_cold_start
from simulations.studies.drift import measure_changes
from simulations.studies.paired import measure_of
from simulations.studies.privacy_cost import measure_privacy_cost
from simulations.studies.recipe_trials import measure_recipe
from simulations.studies.recovery import measure_recovered
from simulations.studies.repeats import measure_repeats
from simulations.studies.study_runs import StudyRuns
from simulations.studies.title_neighbours import measure_neighbours


def run_comparison(
    name: str,
    *,
    data: PathArgument = "demo",
    federation: PathArgument | None = None,
    set: Sequence[str] = (),
    rounds: int | None = None,
    clients_per_round: int | None = None,
    engine: Engine = "local",
    seed: int = 0,
    epsilons: Sequence[float] = (8.0,),
    seeds: int = 1,
    tries: int = 10,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure one comparison, without a promise unless it is `privacy` or `recipe`.

    Args:
        name: one of the names in `COMPARISONS` of the command line.
        data: see `simulate`, as for all but two of these.
        federation: file to use.
        set: single settings.
        rounds: instead of the federation file's.
        clients_per_round: instead of the federation file's.
        engine: local or ray.
        seed: of everything that is drawn.
        epsilons: user-level ones, for `privacy`; `recipe` takes the first.
        seeds: how many, from `seed` on, for `privacy`.
        tries: settings drawn at random, for `recipe`.
        progress: where stages are shown.

    Returns:
        {"rows": one dictionary per model, ...}: test figures, 95 % bootstrap intervals, cost of a device.
    """
    check_arguments(
        settings=set, rounds=rounds, clients_per_round=clients_per_round, engine=engine, privacy="none",
        aggregation="plain", seed=seed, baselines="all",
    )  # fmt: skip
    data = spec_of(data)
    file, shown = path_or_none("federation", federation), progress or Progress()

    def trials(seed: int) -> StudyRuns:
        world = World.of(load(data, seed), seed)
        return StudyRuns(data, world, file, set, rounds, clients_per_round, engine, seed, shown)

    told = {"data": data, "seed": seed}
    if name == "privacy":
        return told | measure_privacy_cost([trials(seed + number) for number in range(seeds)], epsilons)
    if name == "recipe":
        return told | measure_recipe(trials(seed), epsilons[0], tries)
    return told | {"privacy": "none", "rows": _COMPARISONS[name](trials(seed))}


def _baselines(trials: StudyRuns) -> list[dict[str, Any]]:
    trained = trials.train()
    evaluation = evaluate(trained.scorer, trials.world.split.test)
    rows = [_row("hushrec", evaluation) | _cost(trained)]
    others = measure_baselines(trials.world, trained, "all", trials.progress)
    return rows + [{"model": model} | _flat(measured.test.figures()) for model, measured in others.items()]


def _adapters(trials: StudyRuns) -> list[dict[str, Any]]:
    """The heads alone, the adapter alone, and both together."""
    heads = ", ".join(f'"{group}"' for group in PLAIN_HEAD_GROUPS)
    variants = {
        "heads only": [f"training.groups=[{heads}]"],
        "adapter only": ['training.groups=["adapters"]'],
        "heads and adapter": [f'training.groups=[{heads}, "adapters"]'],
    }
    rows, first = [], None
    for model, settings in variants.items():
        trained = trials.train(*settings)
        evaluation = evaluate(trained.scorer, trials.world.split.test)
        row = _row(model, evaluation) | _cost(trained)
        if first is None:
            first = evaluation
        else:
            difference = _difference(evaluation, first)
            row |= {"gain over heads": difference[0], "gain interval": difference[1]}
        moved = np.linalg.norm(trained.release.vector - trained.start.vector)
        rows.append(row | {"parameters moved": float(moved)})
    return rows


_COMPARISONS: dict[str, Callable[[StudyRuns], list[dict[str, Any]]]] = {
    "baselines": _baselines,
    "adapters": _adapters,
    "ablations": measure_ablations,
    "changes": measure_changes,
    "clicks": measure_clicks,
    "cold-start": measure_cold_start,
    "interests": measure_recovered,
    "neighbours": measure_neighbours,
    "repeats": measure_repeats,
}


def _row(model: str, evaluation: Evaluation) -> dict[str, Any]:
    way, name = measure_of(evaluation)
    low, high = evaluation.interval(way, name)
    return {"model": model} | _flat(evaluation.figures()) | {f"{way} {name} interval": f"{low:.4f} to {high:.4f}"}


def _flat(figures: dict[str, dict[str, float | None]]) -> dict[str, float | None]:
    return {
        f"{way} {name}": value
        for way, metrics in figures.items()
        for name, value in metrics.items()
        if name in ("hr@10", "ndcg@10", "auc")
    }


def _cost(trained: Trained) -> dict[str, float]:
    return {
        "client milliseconds": trained.mean_milliseconds(),
    }


def _difference(evaluation: Evaluation, other: Evaluation) -> tuple[float, str]:
    """Mean gain of the headline metric over the same questions, with the interval of the paired differences."""
    way, name = measure_of(evaluation)
    gains = evaluation.values[way][name] - other.values[way][name]
    gains = gains[~np.isnan(gains)]
    low, high = bootstrap_interval(gains, seed=0)
    return float(gains.mean()), f"{low:+.4f} to {high:+.4f}"
