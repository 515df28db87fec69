"""What a round that trains adapters costs beside one that trains heads: per device, everything else being the same."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import CohortSum, ShardPool
from simulations.devices import DeviceStates
from simulations.engine import one_thread
from simulations.report import Progress

DEVICES = 200
_HEADS = 5  # rounds; the first is not counted
_ADAPTERS = 2
_SETTINGS = (
    f"training.rounds={_HEADS + _ADAPTERS}",
    f"training.adapter_rounds={_ADAPTERS}",
    f"training.adapter_clients_per_round={DEVICES}",
    "windows.sampling_probability=1.0",
)


def benchmark_adapters(progress: Progress) -> dict[str, Any]:
    """Milliseconds per device of an adapter step and of a heads step of 200 devices, and the first over the second."""
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread():
        with progress.stage("making devices"):
            world = BenchmarkWorld.demo(Path(place) / "run", DEVICES, _SETTINGS)
        taken: dict[str, list[float]] = {"heads": [], "adapters": []}
        with (
            ShardPool(world.home, SEED) as pool,
            progress.stage("rounds", total=_HEADS + _ADAPTERS) as stage,
        ):
            states = DeviceStates()
            federation, grid = world.federation("adapters", states, CohortSum(world.settings, states, pool))
            for number in range(1, _HEADS + _ADAPTERS + 1):
                kind = "adapters" if "adapters" in world.settings.groups_in(number) else "heads"
                started = time.perf_counter()
                next(iter(federation.run(grid, until=number)))
                taken[kind].append(1000.0 * (time.perf_counter() - started) / DEVICES)
                stage.advance()
    heads, adapters = median(taken["heads"][1:]), median(taken["adapters"])
    return {
        "devices": DEVICES,
        "rows": [
            {"step": "heads", "milliseconds per device": heads},
            {"step": "adapters", "milliseconds per device": adapters},
        ],
        "adapters_over_heads": adapters / heads,
    }
