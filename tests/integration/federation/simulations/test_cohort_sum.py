"""Sums of a whole cohort at once, against the same sums device by device through Flower's messages."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from client import make_client_app
from client.workers import Worker
from server import Aggregator, IdealSum, PlainSum, SecureSum, SumRequest, SumResult
from server.aggregation import Phase
from server.training import request_for
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.tasks import TASKS
from simulations.cohort import (
    CohortSum,
    FirstMasked,
    MaskedCohort,
    Processes,
    ShardPool,
    WatchedAnswers,
    WatchedGrid,
)
from simulations.devices import (
    DeviceStates,
    InProcessGrid,
    OpenSimulatedDevice,
)
from simulations.engine import one_thread, simulated_clock
from tests.integration.federation.simulations.cohort_world import (
    DEVICES,
    REGISTRY,
    SEED,
    CohortWorld,
    Prepared,
    summed,
)
from tests.support.tiny import Tiny

MODES = {
    "plain": ("privacy.level=none",),
    "plain, pairs": ("privacy.level=none", "statistics.pairs_of=5"),
    "plain with noise": ("privacy.level=event", "privacy.local_noise=on"),
    "ideal": ("privacy.level=user", "sum.mode=ideal"),
    "ideal, pairs": ("privacy.level=none", "sum.mode=ideal", "statistics.pairs_of=5"),
    "ideal, noised pairs": ("privacy.level=user", "sum.mode=ideal", "statistics.pairs_of=5"),
    "ideal, windows": ("privacy.level=both", "sum.mode=ideal", "privacy.local_noise=on"),
    "ideal, adaptive": ("privacy.level=user", "sum.mode=ideal", "clipping.adaptive_quantile=0.5"),
}


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
    world = CohortWorld(tiny, tmp_path, *MODES[mode])
    alone, together = DeviceStates(), DeviceStates()
    one_by_one: Aggregator = PlainSum() if world.file.sum.mode == "plain" else IdealSum()
    at_once = CohortSum(world.file, together, world.pool())
    for task, number in (("statistics", 0), ("update", 1), ("evaluation", 1), ("update", 4)):
        request = world.request(task, number)
        expected, got = summed(world, one_by_one, alone, request), summed(world, at_once, together, request)
        assert got.tally == expected.tally
        assert got.noise_variance == expected.noise_variance
        apart = np.abs(units_of(world.file, request, got) - units_of(world.file, request, expected))
        # A float's last bit is far below a unit; a coin within it of its threshold is as rare as the scale is small.
        # In the open it is a float's last bit of each device, where numbers of the total are as large as they are.
        bits = DEVICES * max(1.0, float(np.abs(expected.total).max()))
        assert apart.max() <= (bits if world.file.sum.mode == "plain" else 1)
        scale = request.terms.configuration.for_cohort(DEVICES, request.terms.local_noise_over_clip).scale
        rare = 1 + apart.size * DEVICES * scale * 2.0**-27
        assert world.file.sum.mode == "plain" or (apart > 0).sum() <= rare
        assert together.snapshot()[1] == {device: alone.content(device) for device in range(DEVICES)}


def test_a_device_whose_budget_is_spent_declines_either_way(tiny: Tiny, tmp_path: Path) -> None:
    world = CohortWorld(
        tiny, tmp_path, *MODES["ideal"], "privacy.participations={update=2, statistics=1, evaluation=1}"
    )
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
    world = CohortWorld(tiny, tmp_path, *MODES[mode])
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
    settings = ("privacy.level=both", "sum.mode=secure", "privacy.local_noise=on", "statistics.pairs_of=4")
    world = CohortWorld(tiny, tmp_path, *settings)
    prepared: Prepared = {}
    states, pool = DeviceStates(), world.pool()
    phases: list[Phase] = []
    masked = MaskedCohort(SecureSum(REGISTRY, on_phase=phases.append), pool, prepared)
    for task in TASKS:
        phases.clear()
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
        names = ["train.join", *(f"query.{name}" for name in ("share", "mask", "agree", "unmask"))]
        assert [phase.name for phase in phases] == [name for name in names for _ in ("begins", "is over")]
        assert {(phase.task, phase.asked, phase.through) for phase in phases[::2]} == {(task, DEVICES, None)}
        assert {phase.through for phase in phases[1::2]} == {DEVICES}


class Watching:
    """An aggregator of which the messages of one node are noted."""

    def __init__(self, aggregator: Aggregator, place: int) -> None:
        self.aggregator, self.place = aggregator, place
        self.messages: dict[str, bytes] = {}

    def sum(self, grid, cohort, request, clock) -> SumResult:
        watched = WatchedGrid(grid, cohort[self.place].node)
        result = self.aggregator.sum(watched, cohort, request, clock)
        self.messages = dict(watched.messages)
        return result


def test_what_a_watched_device_sent_is_what_it_would_send_without_masks_under_a_mask(
    tiny: Tiny, tmp_path: Path
) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=user", "sum.mode=secure")
    prepared: Prepared = {}
    states, pool, answers = DeviceStates(), world.pool(), WatchedAnswers(tmp_path / "answers")
    masked = MaskedCohort(SecureSum(REGISTRY), pool, prepared, answers)
    request = world.request("statistics", 0)
    before = states.snapshot()
    summed(world, masked, states, request, prepared=prepared, masking=True)
    (answer,) = answers.all()
    # The first device itself, asked for its words by the ideal sum's messages.
    states.restore(before)
    alone = Watching(IdealSum(), 0)
    summed(world, alone, states, request)
    words = np.frombuffer(alone.messages["query.reveal"], "<u4")
    configuration = request.terms.configuration
    unit = configuration.clip_norm / configuration.for_cohort(DEVICES, request.terms.local_noise_over_clip).scale
    kept = slice(answer.first, answer.first + len(answer.plain))
    assert answer.noised == pytest.approx(words[kept].view(np.int32) * unit)
    assert min(answer.plain) == 0.0
    assert any(answer.plain)
    assert (answer.members, answer.dimension) == (DEVICES, len(words))
    hidden = np.rint(np.asarray(answer.masked) * 2.0**32).astype(np.int64)
    assert not (hidden == words[kept]).any()
    sizes = dict(answer.messages)
    assert list(sizes) == ["train.join", "query.share", "query.mask", "query.agree", "query.unmask"]
    assert (sizes["train.join"], sizes["query.mask"], sizes["query.agree"]) == (280, 4 * len(words) + 64, 64)
    states.restore(before)
    kept_file = (tmp_path / "answers" / "statistics.json").read_bytes()
    summed(world, masked, states, request, prepared=prepared, masking=True)
    assert (tmp_path / "answers" / "statistics.json").read_bytes() == kept_file


def test_a_masked_sum_that_is_another_is_a_fault(tiny: Tiny, tmp_path: Path) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=user", "sum.mode=secure")
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


class Kept(Processes):
    """Processes that a test can reach."""

    def __init__(self, processes: int) -> None:
        super().__init__(processes)
        self.started: list[Worker] = []

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Worker:
        self.started.append(super().start(number, home, seed, accelerator))
        return self.started[-1]


@pytest.fixture(scope="module")
def spread_world(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CohortWorld, ShardPool]]:
    """A world of more devices than one part takes, and a pool of three processes over it."""
    world = CohortWorld(tiny, tmp_path_factory.mktemp("spread"), "privacy.level=both", "sum.mode=secure", devices=150)
    with ShardPool(world.home, SEED, Processes(3)) as pool:
        pool.wait()
        yield world, pool


@pytest.mark.parametrize(("task", "number"), [("update", 1), ("update", 4), ("evaluation", 1), ("statistics", 0)])
def test_the_number_of_processes_changes_no_bit_and_no_state(
    spread_world: tuple[CohortWorld, ShardPool], task: str, number: int
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


def test_the_whole_protocol_in_several_processes_gives_the_same_sum(
    spread_world: tuple[CohortWorld, ShardPool],
) -> None:
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


def test_what_fails_ends_the_round(spread_world: tuple[CohortWorld, ShardPool]) -> None:
    world, pool = spread_world
    unknown = request_for(world.file, "update", "0" * 64, 1, world.layout(1).size, REGISTRY, 150, world.vector)
    with pytest.raises(Misconfigured, match="expected a folder with manifest"):
        summed(world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), unknown)


def test_what_a_helper_that_is_killed_had_in_hand_is_done_again(tiny: Tiny, tmp_path: Path) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=user", "sum.mode=ideal", devices=40)
    request, processes = world.request("evaluation", 1), Kept(2)
    alone = summed(world, CohortSum(world.file, DeviceStates(), world.pool()), DeviceStates(), request)
    with ShardPool(world.home, SEED, processes) as pool:
        pool.wait()
        processes.started[0].stop()
        result = summed(world, CohortSum(world.file, DeviceStates(), pool), DeviceStates(), request)
    assert alone.total is not None
    assert result.total is not None
    assert result.total.tobytes() == alone.total.tobytes()


def test_a_pool_that_is_closed_leaves_no_process(tiny: Tiny, tmp_path: Path) -> None:
    world = CohortWorld(tiny, tmp_path, "privacy.level=none")
    processes = Kept(2)
    pool = ShardPool(world.home, SEED, processes)
    until = time.monotonic() + 60
    while not processes.started:
        assert time.monotonic() < until
    pool.close()
    assert [helper.alive for helper in processes.started] == [False]
