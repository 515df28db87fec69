"""What of a training is told to the tools that keep track of it, and when.

Only what the report holds too goes there: counts and times of rounds, figures of the validation and the test part,
settings, and the privacy spent. Nothing of a single person does.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from server import RoundReport
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model import Vector
from simulations.report import CurvePoint
from simulations.tracking.trackers import MLflow, Settings, TensorBoard, Tracker, WeightsAndBiases, finite_figures

FOLDER = "tracking"

_TRACKERS: Mapping[str, Callable[[Path, str, Settings], Tracker]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": WeightsAndBiases,
}
_OF_A_ROUND = ("selected", "answered", "late", "skipped", "seconds", "upload_bytes", "update_norm")


def check_trackers(names: Sequence[str]) -> None:
    """See that each name is that of a tool which is installed.

    Raises:
        Misconfigured: one is not.
    """
    if isinstance(names, str) or not all(name in _TRACKERS for name in names):
        told = names if isinstance(names, str) else ", ".join(map(str, names))
        raise Misconfigured(f"track: expected a list of {', '.join(_TRACKERS)}, got {told!r}")
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise Misconfigured(
                f"track: expected {name}, which is not installed; `pip install -e '.[track]'` brings it"
            )


class Tracking:
    """A training that some tools keep track of; none is fine. To be left with what came out, or else it was broken off.

    Example:
        with Tracking(["tensorboard"], folder, "run", settings, {"seed": 0}) as tracking:
            result = train(on_curve=tracking.on_curve, observers=[tracking])
            tracking.finish(result.to_record())
    """

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        name: str,
        federation: FederationFile,
        facts: Mapping[str, Any],
    ) -> None:
        """Begin a run of each tool.

        Args:
            names: of the tools.
            folder: of the training; what they write lies in `tracking` there.
            name: of the run, in their lists.
            federation: its settings are told.
            facts: what else is told of it, such as data and seed, and settings that are other than the federation's.
        """
        settings = _flat(federation.model_dump(mode="json")) | dict(facts)
        unique = list(dict.fromkeys(names))
        self._trackers: list[Tracker] = [_TRACKERS[tool](folder / FOLDER, name, settings) for tool in unique]
        self._summary: dict[str, float] = {}
        self._finished = False

    def on_round(self, report: RoundReport, vector: Vector) -> None:
        """A private sum: how it went, and what devices measured inside it. See `RoundObserver`."""
        row = {name: getattr(report, name) for name in _OF_A_ROUND}
        self._log({report.task: row, "federated": report.metrics}, report.number)

    def on_curve(self, point: CurvePoint) -> None:
        """Figures of the validation part."""
        self._log({"validation": point.metrics}, point.round)

    def finish(self, record: Mapping[str, Any]) -> None:
        """All that is a number in the final record, lists left out, is told in the end."""
        self._summary, self._finished = finite_figures(record), True

    def _log(self, figures: Mapping[str, Any], round_number: int) -> None:
        known = finite_figures(figures)
        for tracker in self._trackers:
            tracker.log(known, round_number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with ExitStack() as ends:  # each of them, whatever becomes of another
            for tracker in self._trackers:
                ends.callback(tracker.end, self._summary, self._finished and error is None)


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat
