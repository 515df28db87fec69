"""How costs grow: with devices in a round, with items in the catalogue, with numbers that train. Slopes on log axes."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from client.recommender import CatalogueIndex
from client.secagg import encode_rows
from server import Federation
from shared.secure_sum import RoundConfiguration
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.benchmarks.timing import slope_on_log_axes
from simulations.cohort import CohortSum, ShardPool
from simulations.devices import DeviceStates, InProcessGrid
from simulations.engine import one_thread
from simulations.report import Progress

_DEVICES = (100, 400, 1000, 4000)  # a sum carries 4,096
_ITEMS = (1000, 10_000, 100_000, 1_000_000)
_NUMBERS = (1000, 10_000, 100_000, 1_000_000)
_WIDTH = 192  # numbers of an item
_COHORT = 1000
_REPEATS = 5


def benchmark_scale(progress: Progress) -> dict[str, Any]:
    """Milliseconds by devices in a round, by items and by numbers that train, and the slopes on log axes."""
    with one_thread():
        taken = {
            "devices": _by_devices(progress),
            "items": _by_items(progress),
            "numbers": _by_numbers(progress),
        }
    rows = [
        {"what": what, "size": size, "milliseconds": milliseconds}
        for what, by_size in taken.items()
        for size, milliseconds in by_size.items()
    ]
    return {
        "rows": rows,
        **{f"slope_of_{what}": slope_on_log_axes([*by_size], [*by_size.values()]) for what, by_size in taken.items()},
    }


def _by_devices(progress: Progress) -> dict[int, float]:
    """A noised round of heads, by how many devices are in it."""
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, progress.stage("rounds of more devices"):
        rounds = 1 + _REPEATS
        sizes = {
            devices: BenchmarkWorld.demo(
                Path(place) / str(devices),
                devices,
                (f"training.rounds={rounds}", "windows.sampling_probability=1.0"),
            )
            for devices in _DEVICES
        }
        taken = {}
        for devices, world in sizes.items():
            with ShardPool(world.home, SEED) as pool:
                states = DeviceStates()
                federation, grid = world.federation("scale", states, CohortSum(world.settings, states, pool))
                taken[devices] = _milliseconds(_next_round, federation, grid)
    return taken


def _by_items(progress: Progress) -> dict[int, float]:
    """The best ten items of a catalogue, by its length."""
    rng = np.random.default_rng(0)
    taken = {}
    with progress.stage("larger catalogues", total=len(_ITEMS)) as stage:
        for items in _ITEMS:
            factors = rng.normal(size=(items, _WIDTH)).astype(np.float32)
            index, prior = CatalogueIndex(factors), np.zeros(items, np.float32)
            query = factors[0] + factors[-1]
            taken[items] = _milliseconds(index.best, query, 10, prior)
            stage.advance()
    return taken


def _by_numbers(progress: Progress) -> dict[int, float]:
    """Rounding and noising of one device's contribution, by how many numbers train."""
    taken = {}
    with progress.stage("more numbers", total=len(_NUMBERS)) as stage:
        for numbers in _NUMBERS:
            configuration = RoundConfiguration(
                bytes(16), 1, bytes(32), bytes(32), numbers, 1.0, 2**36, 2, 4096, 100_000, 100_000
            )
            parameters = configuration.for_cohort(_COHORT)
            vector = np.full((1, numbers), numbers**-0.5, np.float32)
            taken[numbers] = _milliseconds(encode_rows, vector, configuration, parameters, [os.urandom])
            stage.advance()
    return taken


def _next_round(federation: Federation, grid: InProcessGrid) -> None:
    next(iter(federation.run(grid, until=federation.round_number + 1)))


def _milliseconds(run: Callable[..., object], *given: object) -> float:
    """The median of several calls after one that is not counted, in CPU time."""
    run(*given)
    taken = []
    for _ in range(_REPEATS):
        started = time.process_time()
        run(*given)
        taken.append(1000.0 * (time.process_time() - started))
    return median(taken)
