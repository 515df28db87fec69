"""One run of each tool that keeps track of experiments, written to a folder.

Nothing is sent anywhere unless whoever runs this has said so in the tool's own way: `WANDB_MODE=online`, or a server in
`MLFLOW_TRACKING_URI`. What these tools would tell their makers of their use is turned off where it was not turned on.
"""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

Settings = Mapping[str, Any]  # "section.key" to its value
Figures = Mapping[str, float]

_MOST_AT_ONCE = 100  # parameters that MLflow takes in one call
_LONGEST = 500  # characters of a parameter's value that it takes


class Tracker(Protocol):
    """One run of a tool."""

    def log(self, figures: Figures, round_number: int) -> None:
        """Figures of a round, by name; every one is finite."""
        ...

    def end(self, summary: Figures, finished: bool) -> None:
        """The final figures, none where the run was broken off."""
        ...


class TensorBoard:
    """Scalars by round in event files; settings and final figures beside them."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard" / name))
        told = "\n".join(f"    {key} = {value}" for key, value in settings.items())  # a block of code in Markdown
        self._writer.add_text("settings", told)
        self._last = 0

    def log(self, figures: Figures, round_number: int) -> None:
        """See `Tracker`."""
        self._last = max(self._last, round_number)
        for name, value in figures.items():
            self._writer.add_scalar(name, value, round_number)
        self._writer.flush()

    def end(self, summary: Figures, finished: bool) -> None:
        """See `Tracker`."""
        self.log({f"final/{name}": value for name, value in summary.items()}, self._last)
        self._writer.close()


class MLflow:
    """A run of the experiment `hushrec` in a database of the folder, or on the server of MLFLOW_TRACKING_URI."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        self._metric = Metric
        place = f"sqlite:///{(folder / 'mlflow.db').absolute()}"
        self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or place)
        there = self._client.get_experiment_by_name("hushrec")
        artifacts = None if os.environ.get("MLFLOW_TRACKING_URI") else (folder / "mlflow-artifacts").absolute().as_uri()
        experiment = there.experiment_id if there else self._client.create_experiment("hushrec", artifacts)
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in settings.items()]
        for start in range(0, len(params), _MOST_AT_ONCE):
            self._client.log_batch(self._run, params=params[start : start + _MOST_AT_ONCE])
        self._last = 0

    def log(self, figures: Figures, round_number: int) -> None:
        """See `Tracker`. MLflow's names have no @: "ndcg@10" is "ndcg_at_10" there."""
        self._last = max(self._last, round_number)
        now = int(time.time() * 1000)
        metrics = [
            self._metric(name.replace("@", "_at_").replace(",", ""), value, now, round_number)
            for name, value in figures.items()
        ]
        for start in range(0, len(metrics), _MOST_AT_ONCE):
            self._client.log_batch(self._run, metrics=metrics[start : start + _MOST_AT_ONCE])

    def end(self, summary: Figures, finished: bool) -> None:
        """See `Tracker`."""
        self.log({f"final/{name}": value for name, value in summary.items()}, self._last)
        self._client.set_terminated(self._run, "FINISHED" if finished else "KILLED")


class WeightsAndBiases:
    """A run of the project `hushrec`, offline in the folder unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        mode: Any = os.environ.get("WANDB_MODE") or "offline"
        if mode != "online":
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        quiet = wandb.Settings(
            silent=True, console="off", x_disable_stats=True, x_disable_machine_info=True, disable_git=True,
            disable_code=True, x_save_requirements=False,
        )  # fmt: skip
        self._run = wandb.init(
            project="hushrec", name=name, dir=str(folder), mode=mode, config=dict(settings), settings=quiet,
            reinit="create_new",
        )  # fmt: skip
        self._run.define_metric("*", step_metric="round")

    def log(self, figures: Figures, round_number: int) -> None:
        """See `Tracker`."""
        self._run.log({**figures, "round": round_number})

    def end(self, summary: Figures, finished: bool) -> None:
        """See `Tracker`."""
        self._run.summary.update({f"final/{name}": value for name, value in summary.items()})
        self._run.finish(exit_code=0 if finished else 1)


def finite_figures(figures: Mapping[str, Any]) -> dict[str, float]:
    """Those figures that are finite numbers, flags as 0 and 1; a record within another by "outer/inner"."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": number for inner, number in finite_figures(value).items()}
        elif isinstance(value, int | float) and math.isfinite(value):
            found[name] = float(value)
    return found
