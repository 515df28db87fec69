"""A small population in a work folder, and its sums, for tests of those who compute them."""

from collections.abc import Sequence
from pathlib import Path

from client import make_client_app
from server import Aggregator, SumRequest, SumResult
from server.aggregation import KnownMember
from server.training import request_for
from shared.behaviour import Event
from shared.model import Layout
from shared.tasks import TASK_ROWS, Task
from simulations.cohort import COLUMNS, ShardPool, write_own_words, write_windows
from simulations.devices import (
    DeviceStates,
    InProcessGrid,
    OpenSimulatedDevice,
    Population,
    PreparedContribution,
    membership,
    registry_key,
    write_logs,
)
from simulations.engine import one_thread, simulated_clock
from tests.support.tiny import Tiny, events, person

Prepared = dict[int, PreparedContribution]

SEED, DEVICES = 4, 14
REGISTRY = registry_key(SEED).public_key().public_bytes_raw()
GROUPS = ("dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters")
SETTINGS = (
    f"training.groups={list(GROUPS)}".replace("'", '"'),
    "training.clients_per_round=14",
    "evaluation.every_rounds=1",
    "model.popularity=true",
)


class CohortWorld:
    """A work folder with a release and devices' logs: some too short, some with words, one with a NaN to meet."""

    def __init__(self, tiny: Tiny, home: Path, *settings: str, devices: int = DEVICES) -> None:
        release, self.model = tiny.release(*SETTINGS, *settings)
        self.home, self.file, self.vector = home, release.federation, release.vector
        self.digest, self.items = release.digest(), len(release.catalogue)
        release.save(home / "releases" / self.digest)
        logs: list[Sequence[Event]] = [person(device, 1 + device % 9) for device in range(devices - 1)]
        logs.append(events(["garden-0", "music-3", "garden-1"], {1: "a rose for the garden"}))
        write_logs(home, logs, [person(100 + device, device % 2) for device in range(devices)])
        population = Population(home)
        numbers = population.people.own_texts()
        with self.model.at(self.vector):
            write_own_words(home / COLUMNS, numbers, self.model.encoder.read(list(numbers)))
        write_windows(home / COLUMNS, population, release.catalogue, self.file.windows.events, numbers)
        self.cohort = [
            KnownMember(membership(SEED, device).identity.device.hex(), node)
            for device, node in enumerate(InProcessGrid(make_client_app(self.opener()), devices).get_node_ids())
        ]

    def opener(self, prepared: Prepared | None = None, masking: bool = False) -> OpenSimulatedDevice:
        return OpenSimulatedDevice(self.home, SEED, lambda: masking, prepared or {})

    def request(self, task: Task, number: int, wanted: int | None = None) -> SumRequest:
        trained = self.layout(number).size if task == "update" else 0
        dimension = TASK_ROWS[task].dimension(self.file, self.items, trained)
        vector = None if task == "statistics" else self.vector
        return request_for(
            self.file, task, self.digest, number, dimension, REGISTRY, wanted or len(self.cohort), vector
        )

    def layout(self, number: int) -> Layout:
        return self.model.layout.select(self.file.trained_groups)

    def pool(self) -> ShardPool:
        return ShardPool(self.home, SEED)


def summed(
    world: CohortWorld, aggregator: Aggregator, states: DeviceStates, request: SumRequest, **opened: object
) -> SumResult:
    grid = InProcessGrid(make_client_app(world.opener(**opened)), len(world.cohort), states=states)  # type: ignore[arg-type]
    with one_thread():
        result = aggregator.sum(grid, world.cohort, request, simulated_clock())
    grid.settle()
    return result
