"""A million simulated people: how long a run of them takes to start, what a round costs, and how much memory.

Each number of people has a process of its own, whose largest resident memory is read at its end. The people are those
of the demo, again and again: who they are changes nothing of the work.
"""

import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import CohortSum, ShardPool
from simulations.datasets import export_dataset, load
from simulations.devices import DeviceStates
from simulations.engine import one_thread
from simulations.people import PEOPLE_AT_ONCE, PEOPLE_FILE, write_repeated
from simulations.report import Progress

PEOPLE = 1_000_000
_FEWER = 10_000
_COHORT = 1000
_ROUNDS = 6  # the first is not counted
_SETTINGS = (f"training.clients_per_round={_COHORT}", f"training.rounds={_ROUNDS}", "windows.sampling_probability=1.0")


def benchmark_many(progress: Progress) -> dict[str, Any]:
    """Start, memory and rounds of 1,000 devices out of a million people, beside ten thousand."""
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place:
        rows = []
        for people in (_FEWER, PEOPLE):
            folder = Path(place) / str(people)
            with progress.stage(f"writing {people:,} people"):
                base = load(f"demo?people={2 * PEOPLE_AT_ONCE}", SEED)
                export_dataset(base, folder, people=1, form="columns")
                write_repeated(folder / PEOPLE_FILE, base.people, people)
            size = (folder / PEOPLE_FILE).stat().st_size
            with (
                progress.stage(f"rounds of {_COHORT:,} out of {people:,}"),
                ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone,
            ):
                rows.append({**alone.submit(_measured, folder, people).result(), "file bytes": size})
    few, many = rows
    return {
        "people": PEOPLE,
        "cohort": _COHORT,
        "rows": rows,
        "start_seconds": many["start seconds"],
        "memory_bytes": many["memory bytes"],
        "round_over_round_of_fewer": many["seconds a round"] / few["seconds a round"],
    }


def _measured(folder: Path, people: int) -> dict[str, Any]:
    """What one number of people costs, from the data set on disk to the last round."""
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread():
        started = time.perf_counter()
        world = BenchmarkWorld.make(Path(place) / "run", _SETTINGS, data=load(f"events:{folder}"))
        with ShardPool(world.home, SEED) as pool:
            states = DeviceStates()
            federation, grid = world.federation("many", states, CohortSum(world.settings, states, pool))
            ready = time.perf_counter() - started
            taken = []
            for number in range(1, _ROUNDS + 1):
                began = time.perf_counter()
                next(iter(federation.run(grid, until=number)))
                taken.append(time.perf_counter() - began)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "people": f"{people:,}",
        "start seconds": ready,
        "seconds a round": median(taken[1:]),
        "memory bytes": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
