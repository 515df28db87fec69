"""Sums of a whole cohort at once, against the same sums device by device through Flower's messages."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from client import make_client_app
from client.workers import Ended
from server import Aggregator, IdealSum, PlainSum, SecureSum, SumRequest, SumResult
from server.aggregation import KnownMember
from server.training import request_for
from shared.behaviour import Event
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.metrics import MEASURES
from shared.model import Layout
from shared.tasks import TASKS
from simulations.cohort import (
    COLUMNS,
    CohortSum,
    FirstMasked,
    MaskedCohort,
    ShardPool,
    write_own_words,
    write_windows,
)
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
MODES = {
    "plain": ("privacy.level=none",),
    "plain with noise": ("privacy.level=event", "privacy.local_noise=on"),
    "ideal": ("privacy.level=user", "sum.mode=ideal"),
    "ideal, windows": ("privacy.level=both", "sum.mode=ideal", "privacy.local_noise=on"),
    "ideal, adaptive": ("privacy.level=user", "sum.mode=ideal", "clipping.adaptive_quantile=0.5"),
}


class World:
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
            write_own_words(home / COLUMNS, numbers, self.model.encoder.embed(list(numbers)))
        write_windows(home / COLUMNS, population, release.catalogue, self.file.windows.events, numbers)
        self.cohort = [
            KnownMember(membership(SEED, device).identity.device.hex(), node)
            for device, node in enumerate(InProcessGrid(make_client_app(self.opener()), devices).get_node_ids())
        ]

    def opener(self, prepared: Prepared | None = None, masking: bool = False) -> OpenSimulatedDevice:
        return OpenSimulatedDevice(self.home, SEED, lambda: masking, prepared or {})

    def request(self, task: str, number: int, wanted: int | None = None) -> SumRequest:
        dimension = {"statistics": self.items, "evaluation": MEASURES}.get(task) or self.layout(number).size
        vector = None if task == "statistics" else self.vector
        return request_for(
            self.file, task, self.digest, number, dimension, REGISTRY, wanted or len(self.cohort), vector
        )  # type: ignore[arg-type]

    def layout(self, number: int) -> Layout:
        return self.model.layout.select(self.file.groups_in(number))

    def pool(self) -> ShardPool:
        return ShardPool(self.home, SEED)


def summed(
    world: World, aggregator: Aggregator, states: DeviceStates, request: SumRequest, **opened: object
) -> SumResult:
    grid = InProcessGrid(make_client_app(world.opener(**opened)), len(world.cohort), states=states)  # type: ignore[arg-type]
    with one_thread():
        result = aggregator.sum(grid, world.cohort, request, simulated_clock())
    grid.settle()
    return result


def units_of(file: FederationFile, request: SumRequest, result: SumResult) -> np.ndarray:
    """The total in whole units of the sum."""
    assert result.total is not None
    if file.sum.mode == "plain":
        return np.rint(result.total * 2.0**24)
    configuration = request.terms.configuration
    scale = configuration.for_cohort(result.tally.answered, request.terms.local_noise_over_clip).scale
    return np.rint(result.total * scale / configuration.clip_norm)


@pytest.mark.parametrize("mode", MODES)
def test_together_devices_send_and_write_down_what_they_do_one_by_one(tiny: Tiny, tmp_path: Path, mode: str) -> None:
    world = World(tiny, tmp_path, *MODES[mode])
    alone, together = DeviceStates(), DeviceStates()
    one_by_one: Aggregator = PlainSum() if world.file.sum.mode == "plain" else IdealSum()
    at_once = CohortSum(world.file, together, world.pool())
    for task, number in (("statistics", 0), ("update", 1), ("evaluation", 1), ("update", 4)):
        request = world.request(task, number)
        expected, got = summed(world, one_by_one, alone, request), summed(world, at_once, together, request)
        assert got.tally == expected.tally
        assert got.noise_variance == expected.noise_variance
        apart = np.abs(units_of(world.file, request, got) - units_of(world.file, request, expected))
        # At these scales a float's last bit is far below a unit; a coin within it of its threshold is rare.
        assert apart.max() <= (DEVICES if world.file.sum.mode == "plain" else 1)
        assert world.file.sum.mode == "plain" or (apart > 0).mean() < 2e-3
        assert together.snapshot()[1] == {device: alone.content(device) for device in range(DEVICES)}


def test_a_device_whose_budget_is_spent_declines_either_way(tiny: Tiny, tmp_path: Path) -> None:
    world = World(tiny, tmp_path, *MODES["ideal"], "privacy.participations={update=2, statistics=1, evaluation=1}")
    alone, together = DeviceStates(), DeviceStates()
    at_once = CohortSum(world.file, together, world.pool())
    for number in (1, 2, 3):
        request = world.request("update", number)
        expected, got = summed(world, IdealSum(), alone, request), summed(world, at_once, together, request)
        assert got.tally == expected.tally
        assert got.tally.refused == (DEVICES if number == 3 else 0)
        assert (got.total is None) == (expected.total is None) == (number == 3)
    again = world.request("update", 2)
    assert summed(world, at_once, together, again).tally == summed(world, IdealSum(), alone, again).tally
    assert together.snapshot()[1] == {device: alone.content(device) for device in range(DEVICES)}


@pytest.mark.parametrize("mode", ["plain", "ideal"])
def test_those_beyond_the_wanted_come_too_late_either_way(tiny: Tiny, tmp_path: Path, mode: str) -> None:
    world = World(tiny, tmp_path, *MODES[mode])
    alone, together = DeviceStates(), DeviceStates()
    one_by_one: Aggregator = PlainSum() if mode == "plain" else IdealSum()
    request = world.request("update", 1, wanted=9)
    expected = summed(world, one_by_one, alone, request)
    got = summed(world, CohortSum(world.file, together, world.pool()), together, request)
    assert got.tally == expected.tally
    assert got.tally.late == DEVICES - 9
    # One by one, a device that came too late keeps its contribution until it is asked again.
    assert [together.take(device)["device"] for device in range(DEVICES)] == [
        alone.take(device)["device"] for device in range(DEVICES)
    ]


def test_the_masked_sum_of_prepared_contributions_is_the_ideal_one_word_for_word(tiny: Tiny, tmp_path: Path) -> None:
    world = World(tiny, tmp_path, "privacy.level=both", "sum.mode=secure", "privacy.local_noise=on")
    prepared: Prepared = {}
    states, pool = DeviceStates(), world.pool()
    masked = MaskedCohort(SecureSum(REGISTRY), pool, prepared)
    for task in TASKS:
        request = world.request(task, 0 if task == "statistics" else 1)
        before = states.snapshot()
        under_masks = summed(world, masked, states, request, prepared=prepared, masking=True)
        after = states.snapshot()
        states.restore(before)
        ideal = summed(world, CohortSum(world.file, states, pool), states, request)
        assert under_masks.total is not None
        assert np.array_equal(under_masks.total, ideal.total)
        assert under_masks.noise_variance == ideal.noise_variance
        assert states.snapshot() == after
        assert not prepared


def test_a_masked_sum_that_is_another_is_a_fault(tiny: Tiny, tmp_path: Path) -> None:
    world = World(tiny, tmp_path, "privacy.level=user", "sum.mode=secure")
    prepared: Prepared = {}
    states, pool = DeviceStates(), world.pool()

    class Bent:
        def sum(self, *given: object) -> SumResult:
            result = CohortSum(world.file, states, pool).sum(*given)  # type: ignore[arg-type]
            assert result.total is not None
            result.total[0] += 1e-9
            return result

    aggregator = FirstMasked(world.file, states, MaskedCohort(SecureSum(REGISTRY), pool, prepared), Bent())
    opener = OpenSimulatedDevice(world.home, SEED, lambda: aggregator.masking, prepared)
    grid = InProcessGrid(make_client_app(opener), DEVICES, states=states)
    with pytest.raises(RuntimeError, match="update: expected the masked sum to be the ideal one, word for word"):
        aggregator.sum(grid, world.cohort, world.request("update", 1), simulated_clock())


@pytest.fixture(scope="module")
def spread_world(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, ShardPool]]:
    """A world of more devices than one part takes, and a pool of three processes over it."""
    world = World(tiny, tmp_path_factory.mktemp("spread"), "privacy.level=both", "sum.mode=secure", devices=150)
    with ShardPool(world.home, SEED, processes=3) as pool:
        pool.wait()
        yield world, pool


@pytest.mark.parametrize(("task", "number"), [("update", 1), ("update", 4), ("evaluation", 1), ("statistics", 0)])
def test_the_number_of_processes_changes_no_bit_and_no_state(
    spread_world: tuple[World, ShardPool], task: str, number: int
) -> None:
    world, pool = spread_world
    request, results, kept = world.request(task, number), [], []
    for used in (world.pool(), pool):
        states = DeviceStates()
        results.append(summed(world, CohortSum(world.file, states, used), states, request))
        kept.append(states.snapshot()[1])
    one, several = results
    assert one.tally == several.tally
    assert one.total is not None
    assert several.total is not None
    assert one.total.tobytes() == several.total.tobytes()
    assert kept[0] == kept[1]


def test_the_whole_protocol_in_several_processes_gives_the_same_sum(spread_world: tuple[World, ShardPool]) -> None:
    world, pool = spread_world
    request, states = world.request("update", 1), DeviceStates()
    prepared: Prepared = {}
    app = make_client_app(world.opener())
    masked = MaskedCohort(SecureSum(REGISTRY), pool, prepared)
    grid = InProcessGrid(
        app, len(world.cohort), states=states, answer_together=lambda asked: pool.answers(asked, True, prepared)
    )
    with one_thread():
        result = masked.sum(grid, world.cohort, request, simulated_clock())
    assert result.tally.answered == len(world.cohort)
    fresh = DeviceStates()
    ideal = summed(world, CohortSum(world.file, fresh, world.pool()), fresh, request)
    assert result.total is not None
    assert ideal.total is not None
    assert result.total.tobytes() == ideal.total.tobytes()
    assert states.snapshot()[1] == fresh.snapshot()[1]


def test_what_fails_ends_the_round(spread_world: tuple[World, ShardPool]) -> None:
    world, pool = spread_world
    unknown = request_for(world.file, "update", "0" * 64, 1, world.layout(1).size, REGISTRY, 150, world.vector)
    with pytest.raises(Misconfigured, match="expected a folder with manifest"):
        summed(world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), unknown)


def test_a_helper_that_is_killed_ends_the_round(tiny: Tiny, tmp_path: Path) -> None:
    world = World(tiny, tmp_path, "privacy.level=user", "sum.mode=ideal", devices=40)
    with ShardPool(world.home, SEED, processes=2) as pool:
        pool.wait()
        pool._helpers[0].stop()
        with pytest.raises(Ended, match="its process has ended"):
            summed(world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), world.request("evaluation", 1))


def test_a_pool_that_is_closed_leaves_no_process(tiny: Tiny, tmp_path: Path) -> None:
    world = World(tiny, tmp_path, "privacy.level=none")
    pool = ShardPool(world.home, SEED, processes=2)
    (helper,) = pool._helpers
    pool.close()
    pool.wait()
    assert not helper.alive
