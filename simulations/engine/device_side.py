"""The simulated devices of a training: who works for them, and how their answers become sums."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from flwr.serverapp import ServerApp

from client import make_client_app
from server import Aggregator, RoundReport, SecureSum
from server.training import request_for
from shared.federation import FederationFile
from shared.model import Layout, Vector
from simulations.cohort import (
    CohortSum,
    FirstMasked,
    Helpers,
    MaskedCohort,
    RoundWork,
    ShardPool,
    ShardWorker,
    WatchedAnswers,
    round_request,
)
from simulations.devices import (
    DeviceAnswer,
    DeviceQuestion,
    DeviceStates,
    OpenSimulatedDevice,
    PreparedContribution,
    SimulatedDirectory,
    always,
    registry_key,
)
from simulations.engine.local_engine import run_local

_MEASURED = 8  # devices


class DeviceSide:
    """The simulated devices of a training, and how their answers become sums.

    Attributes:
        aggregator: adds up their answers.
        directory: of the devices.
        pool: of those who work for them.
        answers: what one of them sent under masks, task by task.
    """

    def __init__(
        self,
        settings: FederationFile,
        home: Path,
        seed: int,
        states: DeviceStates,
        mask_first_only: bool,
        helpers: Helpers,
        devices: int,
        accelerator: torch.device,
    ) -> None:
        """Put the devices of a run together.

        Args:
            settings: the terms of the federation.
            home: the run's work folder.
            seed: of all devices' chance.
            states: what devices keep.
            mask_first_only: see `FirstMasked`.
            helpers: that work for devices beside this process.
            devices: how many there are.
            accelerator: computes what they do together.
        """
        self.directory = SimulatedDirectory(seed, devices)
        self.pool = ShardPool(home, seed, helpers, accelerator)
        self.answers = WatchedAnswers(home / "answers")
        self._settings, self._home, self._seed = settings, home, seed
        self._states, self._devices = states, devices
        self._prepared: dict[int, PreparedContribution] = {}
        self._masks = always
        registry = registry_key(seed).public_key().public_bytes_raw()
        ideal: Aggregator = CohortSum(settings, states, self.pool)
        masked: Aggregator = MaskedCohort(SecureSum(registry), self.pool, self._prepared, self.answers)
        self.aggregator = masked if settings.sum.mode == "secure" else ideal
        if mask_first_only:
            first = FirstMasked(settings, states, masked, ideal)
            self.aggregator, self._masks = first, lambda: first.masking
        self._app = make_client_app(OpenSimulatedDevice(home, seed, self._masks, self._prepared))

    def run(self, server_app: ServerApp) -> None:
        """Run the federation to its end."""
        together = self._answers if self.pool.size > 1 else None
        run_local(server_app, self._app, self._devices, states=self._states, answer_together=together)

    def _answers(self, questions: Sequence[DeviceQuestion]) -> list[DeviceAnswer]:
        return self.pool.answers(questions, self._masks(), self._prepared)

    def milliseconds(
        self, reports: Sequence[RoundReport], release: str, layout: Layout, vector: Vector
    ) -> dict[tuple[str, ...], float]:
        """What one device works in a round, one by one and without masks: the median of a few, by the groups trained.

        Args:
            reports: of the rounds.
            release: digest of the one that devices have.
            layout: of the parameters.
            vector: float32 [d_total], the parameters to train from.
        """
        registry = registry_key(self._seed).public_key().public_bytes_raw()
        worker, taken = ShardWorker(self._home, self._seed), {}
        for report in {report.groups: report for report in reports if report.task == "update"}.values():
            request = request_for(
                self._settings, "update", release, report.number, layout.select(report.groups).size, registry,
                report.selected, vector,
            )  # fmt: skip
            members = 0 if self._settings.sum.mode == "plain" else report.answered
            work = RoundWork(round_request(request), vector, request.terms, members)
            one_by_one = worker.milliseconds(work, range(min(_MEASURED + 1, self._devices)))
            taken[report.groups] = statistics.median(one_by_one[1:] or one_by_one)  # the first fills what others find
        return taken
