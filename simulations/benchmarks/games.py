"""The user-level federation on Amazon's games: its count of everybody and its rounds, beside one device at a time."""

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from server import Aggregator, IdealSum
from shared.errors import Misconfigured
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import CohortSum, ShardPool
from simulations.datasets import load
from simulations.devices import DeviceStates
from simulations.engine import one_thread
from simulations.people import People
from simulations.report import Progress

_DATA = "HUSHREC_DATA"
_GAMES = "amazon-games-2018"
_COHORT = 1000
_FEWER = 60  # people of the path one by one
_ROUNDS = 3  # the first is not counted
_SETTINGS = (
    f"training.clients_per_round={_COHORT}",
    f"training.rounds={_ROUNDS}",
    'training.groups=["dense", "transitions", "forgetting", "bias", "scales"]',
    "model.dense_width=128",
    "model.dense_trained=384",
    "model.concepts=64",
    "model.popularity=true",
    "statistics.items_per_device=8",
    "windows.events=32",
    "windows.per_device=8",
    "windows.negatives=64",
)


def benchmark_games(progress: Progress) -> dict[str, Any]:
    """Milliseconds per device of the count and of a round of 1,000 out of everybody, beside one device at a time."""
    folder = Path(os.environ.get(_DATA, "../shared/data")) / _GAMES
    if not folder.is_dir():
        raise Misconfigured(f"bench games: expected {folder}, found none; set {_DATA} to the folder of the data sets")
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread():
        with progress.stage("reading the games"):
            games = load(f"amazon:{folder}", SEED)
            few = replace(games, people=People.of(games.people[:_FEWER]))
            worlds = {
                "this engine": BenchmarkWorld.make(Path(place) / "all", _SETTINGS, data=games, kind="amazon"),
                "one by one": BenchmarkWorld.make(Path(place) / "few", _SETTINGS, data=few, kind="amazon"),
            }
        rows = []
        for way, world in worlds.items():
            with ShardPool(world.home, SEED) as pool, progress.stage(way):
                states = DeviceStates()
                aggregator: Aggregator = IdealSum()
                if way == "this engine":
                    aggregator = CohortSum(world.settings, states, pool)
                rows.append({"path": way, **_taken(world, states, aggregator)})
    ours, before = rows
    names = ("count, ms per device", "round, ms per device")
    count, round_ = (before[name] / ours[name] for name in names)
    return {"devices": ours["devices"], "rows": rows, "ratio_to_before": round_, "ratio_to_before_of_count": count}


def _taken(world: BenchmarkWorld, states: DeviceStates, aggregator: Aggregator) -> dict[str, Any]:
    federation, grid = world.federation("games", states, aggregator)
    started = time.perf_counter()
    federation.count(grid)
    counted = time.perf_counter() - started
    taken = []
    for number in range(1, _ROUNDS + 1):
        started = time.perf_counter()
        report = next(iter(federation.run(grid, until=number)))
        taken.append((time.perf_counter() - started) / report.selected)
    return {
        "devices": world.devices,
        "count, ms per device": 1000.0 * counted / world.devices,
        "round, ms per device": 1000.0 * median(taken[1:]),
    }
