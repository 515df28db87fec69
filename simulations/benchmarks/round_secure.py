"""A masked round: what a device costs in it, beside the sum of its primitives, and in two processes."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from client import make_client_app
from server import SecureSum
from shared.federation import PLAIN_HEAD_GROUPS
from shared.privacy import Keystream, sample_discrete_gaussian
from shared.round_parameters import derive_round_parameters
from shared.secure_sum import mask_words
from simulations.benchmarks.federations import SEED, BenchmarkWorld
from simulations.cohort import MaskedCohort, Processes, ShardPool
from simulations.devices import DeviceStates, InProcessGrid, OpenSimulatedDevice, PreparedContribution
from simulations.engine import one_thread
from simulations.report import Progress

DEVICES = 300
_PROCESSES = 2
_ROUNDS = 4  # the first is not counted
_COMMON = ("windows.sampling_probability=1.0", f"training.rounds={2 * _ROUNDS}")
_SIZES = {
    "dense, 70 x 70": ("model.dense_trained=70",),
    "every head": (
        f"training.groups={list(PLAIN_HEAD_GROUPS)}", "model.dense_width=96", "model.dense_trained=384",
    ),
}  # fmt: skip


def benchmark_round_secure(progress: Progress) -> dict[str, Any]:
    """Wall time per device of a masked round of 300, in one process and in two, beside the sum of its primitives."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place, one_thread():
        for name, settings in _SIZES.items():
            with progress.stage(name, total=2 * _ROUNDS) as stage:
                world = BenchmarkWorld.demo(Path(place) / name, DEVICES, (*_COMMON, *settings), "user", "secure")
                taken = {}
                for processes in (1, _PROCESSES):
                    with ShardPool(world.home, SEED, Processes(processes)) as pool:
                        pool.wait()
                        run, milliseconds = _rounds(world, pool, f"in {processes}"), []
                        for _ in range(_ROUNDS):
                            started = time.perf_counter()
                            run()
                            milliseconds.append(1000.0 * (time.perf_counter() - started) / DEVICES)
                            stage.advance()
                        taken[processes] = median(milliseconds[1:])
                parts = _primitives(world)
            rows.append(
                {
                    "round": name,
                    "numbers": world.model.layout.select(world.settings.trained_groups).size,
                    "ms, one process": taken[1],
                    f"ms, {_PROCESSES} processes": taken[_PROCESSES],
                    **{f"{part}, ms": milliseconds for part, milliseconds in parts.items()},
                    "ratio_to_floor": sum(parts.values()) / taken[1],
                    "speed-up of processes": taken[1] / taken[_PROCESSES],
                }
            )
    return {"devices": DEVICES, "rows": rows}


def _rounds(world: BenchmarkWorld, pool: ShardPool, name: str) -> Callable[[], object]:
    states, prepared = DeviceStates(), dict[int, PreparedContribution]()
    federation, _ = world.federation(name, states, MaskedCohort(SecureSum(world.registry), pool, prepared))
    app = make_client_app(OpenSimulatedDevice(world.home, SEED, prepared=prepared))
    answer = (lambda asked: pool.answers(asked, True, prepared)) if pool.size > 1 else None
    grid = InProcessGrid(app, world.devices, states=states, answer_together=answer)
    return lambda: next(iter(federation.run(grid, until=federation.round_number + 1)))


def _primitives(world: BenchmarkWorld) -> dict[str, float]:
    """Milliseconds that one device's primitives take alone: what no protocol of this kind can leave out."""
    dimension = world.model.layout.select(world.settings.trained_groups).size
    terms = derive_round_parameters(world.settings, "update", 1, dimension, bytes(32), world.registry)
    parameters = terms.configuration.for_cohort(DEVICES, terms.local_noise_over_clip)
    key, peer = X25519PrivateKey.generate(), X25519PrivateKey.generate().public_key()
    signer = Ed25519PrivateKey.generate()
    public, signature = signer.public_key(), signer.sign(bytes(100))
    degree = parameters.degree
    return {
        "X25519": 2 * degree * _milliseconds(lambda: key.exchange(peer)),
        # It signs three times; each of its signatures is checked by the server and, once, by all others together.
        "signatures": 3 * _milliseconds(lambda: signer.sign(bytes(100)))
        + 5 * _milliseconds(lambda: public.verify(signature, bytes(100))),
        "AES-CTR over the masks": (degree + 1) * _milliseconds(lambda: mask_words(bytes(32), dimension)),
        "noise": _milliseconds(
            lambda: sample_discrete_gaussian(Keystream(os.urandom(32)), parameters.variance, dimension)
        ),
    }


def _milliseconds(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(30):
        started = time.perf_counter()
        run()
        taken.append(1000.0 * (time.perf_counter() - started))
    return median(taken)
