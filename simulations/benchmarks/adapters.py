"""What a round that trains the encoder's adapter costs beside one that trains the heads: everything else the same."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from shared.federation import PLAIN_HEAD_GROUPS
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import CohortSum, ShardPool
from simulations.devices import DeviceStates
from simulations.engine import one_thread
from simulations.report import Progress

DEVICES = 200
_ROUNDS = 6  # of each kind, in turn; the first of each is not counted
_SETTINGS = (f"training.rounds={_ROUNDS}", "windows.sampling_probability=1.0")
_GROUPS = {
    "heads": list(PLAIN_HEAD_GROUPS),
    "adapter": ["adapters"],
    "heads and adapter": [*PLAIN_HEAD_GROUPS, "adapters"],
}


def benchmark_adapters(progress: Progress) -> dict[str, Any]:
    """Milliseconds per device of an adapter step, of a heads step and of both at once, of 200 devices, and ratios."""
    taken: dict[str, list[float]] = {kind: [] for kind in _GROUPS}
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread(), ExitStack() as opened:
        runs = {}
        with progress.stage("making devices", total=len(_GROUPS)) as stage:
            for kind, groups in _GROUPS.items():
                settings = (
                    f"training.rounds={_ROUNDS}",
                    f"training.groups={groups}",
                    "windows.sampling_probability=1.0",
                )
                world = BenchmarkWorld.demo(Path(place) / kind.replace(" ", "-"), DEVICES, settings)
                states, pool = DeviceStates(), opened.enter_context(ShardPool(world.home, SEED))
                runs[kind] = world.federation("adapters", states, CohortSum(world.settings, states, pool))
                stage.advance()
        with progress.stage("rounds", total=_ROUNDS * len(_GROUPS)) as stage:
            for number in range(1, _ROUNDS + 1):
                for kind, (federation, grid) in runs.items():
                    started = time.perf_counter()
                    next(iter(federation.run(grid, until=number)))
                    taken[kind].append(1000.0 * (time.perf_counter() - started) / DEVICES)
                    stage.advance()
    milliseconds = {kind: median(times[1:]) for kind, times in taken.items()}
    return {
        "devices": DEVICES,
        "rows": [{"step": kind, "milliseconds per device": value} for kind, value in milliseconds.items()],
        "adapters_over_heads": milliseconds["adapter"] / milliseconds["heads"],
        "both_over_heads": milliseconds["heads and adapter"] / milliseconds["heads"],
    }
