"""A round of a thousand devices that train the heads: this engine, also on a GPU, its floor, and other paths."""

import importlib.util
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from flwr.serverapp import Grid

from server import Aggregator, Clock, CohortMember, Federation, IdealSum, SumRequest, SumResult
from simulations.accelerator import CPU, accelerator_name, find_accelerator
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.benchmarks.peers import HOW_PFL, flower_ray_seconds, pfl_round
from simulations.cohort import (
    COLUMNS,
    CohortRound,
    CohortSum,
    Helpers,
    Processes,
    RayActors,
    ShardPool,
    WindowColumns,
    read_own_words,
)
from simulations.devices import DeviceStates, InProcessGrid
from simulations.engine import one_thread
from simulations.report import Progress

DEVICES = 1000
_PROCESSES = 2
_FEWER = 100  # devices of the paths that take ten times as long and more
_ROUNDS = 6  # the first of each is not counted
# Everybody in every round and every window.
_SETTINGS = ("windows.sampling_probability=1.0", f"training.rounds={_ROUNDS}")


def benchmark_round(progress: Progress) -> dict[str, Any]:
    """CPU time per device of a noised round of 1,000, beside its bare tensor work, the one-by-one path and peers."""
    accelerator = find_accelerator("auto")
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread():
        with progress.stage("making devices"):
            world = BenchmarkWorld.demo(Path(place) / "all", DEVICES, _SETTINGS)
            few = BenchmarkWorld.demo(Path(place) / "few", _FEWER, _SETTINGS)
        theirs = pfl_round(few)
        with ExitStack() as pools:
            turns: dict[str, tuple[int, Callable[[], object]]] = {
                name: (DEVICES, _ours(world, name, pools.enter_context(ShardPool(world.home, SEED, helpers))))
                for name, helpers in _ways().items()
            }
            if accelerator != CPU:
                accelerated = pools.enter_context(ShardPool(world.home, SEED, accelerator=accelerator))
                turns[_on(accelerator)] = (DEVICES, _ours(world, accelerator.type, accelerated))
            turns["bare tensor work"] = (DEVICES, _floor(world))
            turns["one by one"] = (_FEWER, _one_by_one(few))
            if theirs is not None:
                turns["pfl-research"] = (_FEWER, theirs)
            cpu, wall = _timed(turns, progress)
        with progress.stage("words one by one and together"):
            apart = _words_apart(few)
        with progress.stage("Flower's Ray engine"):
            ray = flower_ray_seconds(few, 3)
    ours = wall["this engine"]
    on_ray = None if ray is None else 1000.0 * median(ray[1:]) / _FEWER
    rows: list[dict[str, Any]] = [
        {"path": name, "CPU ms per device": cpu[name], "wall ms per device": wall[name]} for name in cpu
    ]
    if on_ray is not None:
        rows.append({"path": "Flower's Ray engine, 2 workers", "wall ms per device": on_ray})
    return {
        "devices": DEVICES,
        "numbers that train": world.model.layout.select(world.settings.trained_groups).size,
        "rows": rows,
        "ratio_to_floor": wall["bare tensor work"] / ours,
        "speed-up of processes": ours / wall[f"this engine, {_PROCESSES} processes"],
        **accelerator_figures(accelerator, wall),
        "ratio_to_before": wall["one by one"] / ours,
        "ratio_to_flower_ray": None if on_ray is None else on_ray / ours,
        "ratio_to_pfl": wall["pfl-research"] / ours if "pfl-research" in wall else None,
        "words_apart_share": apart,
        **({} if theirs is not None else {"for ratio_to_pfl": HOW_PFL}),
    }


def accelerator_figures(accelerator: torch.device, wall: Mapping[str, float]) -> dict[str, Any]:
    """Which GPU was found, and how many times as fast it makes the engine; wall milliseconds are by path."""
    if accelerator == CPU:
        return {"accelerator": "none found", "speed-up of accelerator": None}
    return {
        "accelerator": accelerator_name(accelerator),
        "speed-up of accelerator": wall["this engine"] / wall[_on(accelerator)],
    }


def _on(accelerator: torch.device) -> str:
    return f"this engine on {accelerator.type}"


def _timed(
    turns: dict[str, tuple[int, Callable[[], object]]], progress: Progress
) -> tuple[dict[str, float], dict[str, float]]:
    """Median CPU and wall milliseconds per device of each path, taken in turn; its first turn is not counted."""
    cpu: dict[str, list[float]] = {name: [] for name in turns}
    wall: dict[str, list[float]] = {name: [] for name in turns}
    with progress.stage("rounds", total=_ROUNDS) as stage:
        for _ in range(_ROUNDS):
            for name, (devices, run) in turns.items():
                began, started = time.perf_counter(), time.process_time()
                run()
                cpu[name].append(1000.0 * (time.process_time() - started) / devices)
                wall[name].append(1000.0 * (time.perf_counter() - began) / devices)
            stage.advance()
    return {name: median(taken[1:]) for name, taken in cpu.items()}, {
        name: median(taken[1:]) for name, taken in wall.items()
    }


def _ways() -> dict[str, Helpers]:
    """Who computes the rounds of this engine."""
    ways: dict[str, Helpers] = {
        "this engine": Processes(),
        f"this engine, {_PROCESSES} processes": Processes(_PROCESSES),
    }
    if importlib.util.find_spec("ray") is not None:
        ways[f"this engine, {_PROCESSES} Ray actors"] = RayActors(_PROCESSES)
    return ways


def _ours(world: BenchmarkWorld, name: str, pool: ShardPool) -> Callable[[], object]:
    pool.wait()
    states = DeviceStates()
    return _next_round(*world.federation(name, states, CohortSum(world.settings, states, pool)))


def _one_by_one(world: BenchmarkWorld) -> Callable[[], object]:
    return _next_round(*world.federation("one by one", DeviceStates(), IdealSum()))


class _Heard:
    """An aggregator that keeps the units of its last sum."""

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator = aggregator
        self.units = np.zeros(0)

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`."""
        result = self._aggregator.sum(grid, cohort, request, clock)
        if result.total is not None:
            configuration = request.terms.configuration
            parameters = configuration.for_cohort(result.tally.answered, request.terms.local_noise_over_clip)
            self.units = np.rint(result.total * parameters.scale / configuration.clip_norm)
        return result


def _words_apart(world: BenchmarkWorld) -> float:
    """Share of the devices' words that are not what each makes one by one: floats added in another order.

    Told from the sums: a word that is one unit apart moves its sum by one, unless another moves it back.
    """
    sums = []
    for name in ("together", "one by one"):
        with ShardPool(world.home, SEED) as pool:
            states = DeviceStates()
            heard = _Heard(CohortSum(world.settings, states, pool) if name == "together" else IdealSum())
            _next_round(*world.federation(f"words {name}", states, heard))()
        sums.append(heard.units)
    return float(np.abs(sums[0] - sums[1]).sum() / (world.devices * len(sums[0])))


def _next_round(federation: Federation, grid: InProcessGrid) -> Callable[[], object]:
    return lambda: next(iter(federation.run(grid, until=federation.round_number + 1)))


def _floor(world: BenchmarkWorld) -> Callable[[], None]:
    """The gradients of all devices as tensors, and nothing else."""
    installed, columns = world.installed(), WindowColumns(world.home / COLUMNS)
    _, embeddings = read_own_words(world.home / COLUMNS)
    words = world.release.whitening.apply(embeddings)
    groups = world.settings.trained_groups
    prepared = CohortRound(installed, world.release.vector, groups, 1, columns, words, 0)
    asked = world.settings.windows.minimum_events
    return prepared.gradient_work([device for device in range(world.devices) if columns.events[device] >= asked])
