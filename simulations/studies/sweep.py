"""A search for better settings: Optuna draws them, the validation part judges them, hopeless trainings end early.

The tree-structured Parzen estimator (Bergstra and others 2011, "Algorithms for Hyper-Parameter Optimization") draws;
a training ends when it is behind the median of those before it at the same round. The test part is asked once, of the
best trial and of the recipe beside it.
"""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.arguments import PathArgument, path_of, path_or_none
from shared.errors import Misconfigured
from shared.privacy import epsilon_of_rho, rho_for
from simulations.arguments import check_arguments
from simulations.datasets import load, spec_of
from simulations.engine import Trained
from simulations.evaluation import World, evaluate
from simulations.options import Aggregation, Privacy
from simulations.report import CurvePoint, Progress, headline
from simulations.settings import facts_of, resolve
from simulations.studies.paired import judged_by, share_kept
from simulations.studies.search_space import Dimension, read_space
from simulations.studies.study_runs import StudyRuns
from simulations.tracking import Tracking

_FIRST_WITHOUT_PRUNING = 4
STUDY_NAME = "study.sqlite"


def run_sweep(
    *,
    data: PathArgument = "demo",
    tune: Sequence[str] = (),
    trials: int = 20,
    out: PathArgument,
    federation: PathArgument | None = None,
    set: Sequence[str] = (),
    rounds: int | None = None,
    privacy: Privacy = "both",
    aggregation: Aggregation = "ideal",
    seed: int = 0,
    track: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Search until so many trials are done, those of an earlier sweep in the same folder included.

    Args:
        data: see `simulate`.
        tune: what may change, see `Dimension.parse`; `DEFAULT_SPACE` when empty.
        trials: trainings in all, those that end early included.
        out: folder of the sweep: `study.sqlite`, which Optuna's own tools read, and `sweep.png`.
        federation: file to use.
        set: single settings that all trials have.
        rounds: instead of the federation file's.
        privacy: what each training promises.
        aggregation: how updates are added.
        seed: of people's split, of trainings and of what is drawn.
        track: what keeps track of each trial, see `simulate`.
        progress: where stages are shown.

    Returns:
        {"rows": one a trial, "best": {KEY: VALUE}, "recipe", "tuned": test figures, "tuned_over_recipe": {"mean",
        "low", "high"}, "spent": see `spent_by_tuning`}.

    Raises:
        Misconfigured: an argument is not of its kind, Optuna is not installed, or the folder holds another sweep.
    """
    optuna = _optuna()
    check_arguments(
        settings=set, rounds=rounds, clients_per_round=None, engine="local", privacy=privacy, aggregation=aggregation,
        seed=seed, baselines="none", out=out, track=track,
    )  # fmt: skip
    space, folder, shown = read_space(tune), path_of("out", out), progress or Progress()
    spec = spec_of(data)
    world = World.of(load(spec, seed), seed)
    file = path_or_none("federation", federation)
    runs = StudyRuns(spec, world, file, set, rounds, None, "local", seed, Progress())  # one line a trial is enough
    settings = resolve(spec, facts_of(world), file, set, rounds, None, privacy, aggregation)
    study = _study(optuna, folder, space, {"data": spec, "seed": seed, "federation": settings.digest()})

    def train(wishes: Sequence[str], on_curve: Callable[[CurvePoint], None] = lambda point: None) -> Trained:
        return runs.train(*wishes, privacy=privacy, aggregation=aggregation, on_curve=on_curve)

    def objective(trial: Any) -> float:
        wishes = [dimension.setting(trial) for dimension in space]

        def on_curve(point: CurvePoint) -> None:
            tracking.on_curve(point)
            if point.round in trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values:
                return  # the count before training has the number of the start
            trial.report(_value(point), point.round)
            if trial.should_prune():
                raise optuna.TrialPruned

        facts = {"data": spec, "seed": seed, **trial.params}
        with Tracking(track, folder, f"trial-{trial.number + 1}", settings, facts) as tracking:
            value = _value(train(wishes, on_curve).curve[-1])
            tracking.finish({"validation": value})
        return value

    done = sum(trial.state.is_finished() for trial in study.trials)
    with shown.stage("trials", total=trials) as stage:
        stage.advance(done)
        study.optimize(
            objective, max(trials - done, 0), callbacks=[lambda study, trial: stage.advance(1, _said(study))]
        )
    best = [f"{key}={value}" for key, value in study.best_params.items()]
    evaluations = [evaluate(train(wishes).scorer, world.split.test) for wishes in ([], best)]
    folder.joinpath("sweep.png").write_bytes(_picture(study))
    trainings = len(study.trials) + len(evaluations)
    figures = [float(np.nanmean(judged_by(evaluation))) for evaluation in evaluations]
    return {
        "data": spec,
        "seed": seed,
        "rows": _rows(study),
        "best": study.best_params,
        "recipe": figures[0],
        "tuned": figures[1],
        "tuned_over_recipe": share_kept(evaluations[1:], evaluations[:1]),
        "spent": spent_by_tuning(settings.privacy.user_epsilon, settings.privacy.user_delta, trainings)
        if settings.privacy.user
        else None,
    }


def spent_by_tuning(epsilon: float, delta: float, trainings: int) -> dict[str, float]:
    """What a person would be promised, had their own device taken part in every training of a sweep.

    Each training promises `epsilon` by itself; together they come to more, since the choice among them depends on all.
    A sweep over other people, or over public or made-up data, spends nothing of theirs.

    Args:
        epsilon: user level, of one training.
        delta: of it, and of the sum.
        trainings: of the sweep.

    Returns:
        {"trainings", "epsilon_of_one", "epsilon_of_all", "delta"}, by zero-concentrated differential privacy (Bun and
        Steinke 2016).

    Example:
        >>> spent = spent_by_tuning(8.0, 1e-6, 4)
        >>> 16 < spent["epsilon_of_all"] < 32
        True
    """
    together = epsilon_of_rho(trainings * rho_for(epsilon, delta), delta)
    return {"trainings": trainings, "epsilon_of_one": epsilon, "epsilon_of_all": together, "delta": delta}


def _said(study: Any) -> str:
    finished = [trial.value for trial in study.trials if trial.value is not None and trial.state.name == "COMPLETE"]
    return f"best {max(finished):.4f}" if finished else ""


def _value(point: CurvePoint) -> float:
    """The figure of the validation part that data of this kind is judged by."""
    value = point.metrics[headline(point.metrics)]
    return -math.inf if value is None else value


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise Misconfigured(
            "sweep: expected Optuna, which is not installed; `pip install -e '.[sweep]'` brings it"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: Any, folder: Path, space: Sequence[Dimension], facts: dict[str, Any]) -> Any:
    """The study in a folder, a new one or the one that is there.

    Raises:
        Misconfigured: the one that is there searches something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / STUDY_NAME}",
        study_name="hushrec",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST_WITHOUT_PRUNING),
    )
    wanted = facts | {"space": [repr(dimension) for dimension in space]}
    there = dict(study.user_attrs)
    if there and there != wanted:
        raise Misconfigured(
            f"{folder}: expected a new folder, or that of the same sweep, got one over other data, settings or keys; "
            "choose another with --out"
        )
    for key, value in wanted.items():
        study.set_user_attr(key, value)
    study.sampler = optuna.samplers.TPESampler(seed=facts["seed"] + len(study.trials))  # it goes on, and not again
    return study


def _rows(study: Any) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial.number + 1,
            "state": trial.state.name.lower(),
            "validation": trial.value if trial.value is not None and math.isfinite(trial.value) else None,
            "rounds": max(trial.intermediate_values, default=0),
            **trial.params,
        }
        for trial in study.trials
    ]


def _picture(study: Any) -> bytes:
    """Each trial's curve on the validation part, the best one in front."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), dpi=150, layout="constrained")
    axes = figure.subplots()
    for trial in study.trials:
        points = sorted(trial.intermediate_values.items())
        best = trial.number == study.best_trial.number
        colour, width = ("#0b6e5f", 2.2) if best else ("#59636e", 0.8)
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=width, alpha=1.0 if best else 0.5)
    axes.set_xlabel("round")
    axes.set_ylabel("validation part")
    axes.set_title(f"{len(study.trials)} trials; the best is number {study.best_trial.number + 1}")
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn)
    return drawn.getvalue()
