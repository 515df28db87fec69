"""The simulated devices of a training: in which processes they run, and how their answers become sums."""

from collections.abc import Sequence
from pathlib import Path

from flwr.serverapp import ServerApp

from client import make_client_app
from server import Aggregator, SecureSum
from shared.federation import FederationFile
from simulations.cohort import CohortSum, FirstMasked, MaskedCohort, ShardPool
from simulations.devices import (
    DeviceAnswer,
    DeviceQuestion,
    DeviceStates,
    OpenSimulatedDevice,
    PreparedContribution,
    always,
    registry_key,
)
from simulations.engine.local_engine import run_local
from simulations.engine.ray_engine import run_ray
from simulations.options import Engine


class DeviceSide:
    """The simulated devices of a training, and how their answers become sums.

    Attributes:
        aggregator: adds up the answers of the local engine's devices; None where Flower's messages do it all.
        pool: of the processes that devices run in.
    """

    def __init__(
        self,
        settings: FederationFile,
        home: Path,
        engine: Engine,
        seed: int,
        states: DeviceStates,
        mask_first_only: bool,
        processes: int,
    ) -> None:
        """Put the devices of a run together.

        Args:
            settings: the terms of the federation.
            home: the run's work folder.
            engine: local (this process and its helpers) or ray (Flower's engine).
            seed: of all devices' chance.
            states: what devices keep.
            mask_first_only: see `FirstMasked`.
            processes: that devices of the local engine run in.
        """
        self.aggregator: Aggregator | None = None
        self.pool = ShardPool(home, seed, processes)
        self._engine, self._states = engine, states
        self._prepared: dict[int, PreparedContribution] = {}
        self._masks = always
        if engine == "local":
            registry = registry_key(seed).public_key().public_bytes_raw()
            ideal: Aggregator = CohortSum(settings, states, self.pool)
            masked: Aggregator = MaskedCohort(SecureSum(registry), self.pool, self._prepared)
            self.aggregator = masked if settings.sum.mode == "secure" else ideal
            if mask_first_only:
                first = FirstMasked(settings, states, masked, ideal)
                self.aggregator, self._masks = first, lambda: first.masking
        self._app = make_client_app(OpenSimulatedDevice(home, seed, self._masks, self._prepared))

    def run(self, server_app: ServerApp, devices: int) -> None:
        """Run the federation to its end."""
        if self._engine == "ray":
            run_ray(server_app, self._app, devices, states=self._states)
        else:
            run_local(server_app, self._app, devices, states=self._states, answer_together=self._answers)

    def _answers(self, questions: Sequence[DeviceQuestion]) -> list[DeviceAnswer]:
        return self.pool.answers(questions, self._masks(), self._prepared)
