"""The learning curve of a simulated training: what the validation part says, round by round."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from server import RoundReport
from shared.federation import FederationFile
from shared.files import write_atomically
from shared.model import GlobalModel, Vector
from shared.release import Release, candidate_release
from simulations.evaluation import ConceptScorer, World, evaluate
from simulations.report import CurvePoint, Stage, headline

_POINTS = 12
_CURVES = ("hr@10", "ndcg@10", "auc")
_SHOWN = ("sampled ndcg@10", "impressions auc")
_NORMAL = 1.96  # standard deviations to either side, within which 95 % of a Gaussian lie


class LearningCurve:
    """Observer of rounds: validation metrics of a part of the people, now and then."""

    def __init__(
        self,
        world: World,
        settings: FederationFile,
        scorer: ConceptScorer,
        model: GlobalModel,
        releases: Sequence[Release],
        path: Path,
        resumed_at: int,
        stage: Stage,
        on_curve: Callable[[CurvePoint], None],
    ) -> None:
        self._settings, self._scorer, self._model = settings, scorer, model
        self._on_curve = on_curve
        self._releases, self._path, self._stage = releases, path, stage
        self._questions = world.split.validation.of(world.curve_people)
        self._every = max(1, settings.training.rounds // _POINTS)
        self._detail = ""
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self._points = [CurvePoint.from_json(point) for point in kept if point["round"] <= resumed_at]

    def federated(self, reports: Sequence[RoundReport]) -> list[CurvePoint]:
        """The curve as an operator sees it: sums over devices that rank what they kept aside, noise and all."""
        return [
            CurvePoint(
                report.number,
                {f"federated {name}": report.metrics[name] for name in _CURVES},
                _around(report.metrics, headline(self._points[0].metrics).partition(" ")[2]),
            )
            for report in reports
            if report.metrics
        ]

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """What was measured so far."""
        return tuple(self._points)

    def on_round(self, report: RoundReport, vector: Vector) -> None:
        """See `RoundObserver`."""
        if report.number % self._every == 0 and report.number < self._settings.training.rounds:
            release = candidate_release(self._releases[0], self._model, vector.copy())
            self._scorer.install(replace(release, round_number=report.number))
            self.add(report.number)
        self._stage.advance(1 if report.number else 0, self._detail)

    def add(self, number: int) -> None:
        """Measure what the scorer has installed."""
        evaluation = evaluate(self._scorer, self._questions)
        measured = evaluation.figures()
        figures = {
            f"{way} {name}": metrics[name] for way, metrics in measured.items() for name in _CURVES if name in metrics
        }
        way, _, name = headline(figures).partition(" ")
        self._points.append(CurvePoint(number, figures, evaluation.interval(way, name)))
        self._detail = " ".join(f"{name} {value:.3f}" for name, value in figures.items() if name in _SHOWN)
        write_atomically(self._path, json.dumps([asdict(point) for point in self._points]).encode())
        self._on_curve(self._points[-1])


def _around(metrics: Mapping[str, float], name: str) -> tuple[float, float] | None:
    """95 % interval of a figure that devices told of themselves, by its standard deviation."""
    value, deviation = metrics.get(name), metrics.get(f"{name} deviation")
    if value is None or deviation is None:
        return None
    return value - _NORMAL * deviation, value + _NORMAL * deviation
