"""What the private sum adds to a round, device by device: the same work in the open, noised, and noised and masked."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from client import make_client_app
from server import Federation
from shared.federation import PLAIN_HEAD_GROUPS
from shared.model import build_model
from shared.release import first_release
from simulations.datasets import load
from simulations.devices import InProcessGrid, OpenSimulatedDevice, registry_key, write_population
from simulations.engine import RunFolder, one_thread, read_catalogue, simulated_clock
from simulations.evaluation import World
from simulations.report import Progress
from simulations.settings import facts_of, resolve

_DEVICES = 100
_ROUNDS = 4  # the first of each mode is not counted
_MODES = {"none, plain": ("none", "plain"), "user, ideal": ("user", "ideal"), "user, secure": ("user", "secure")}
# Every head over the demo's catalogue: some 50,000 numbers, as many as a model for real data has.
_SETTINGS = (
    f"training.groups={list(PLAIN_HEAD_GROUPS)}",
    "model.dense_width=96",
    "model.dense_trained=384",
    "model.popularity=false",
    "windows.sampling_probability=1.0",
    "evaluation.every_rounds=0",
    f"training.clients_per_round={_DEVICES}",
    f"training.rounds={_ROUNDS}",
)


def private_round(progress: Progress) -> dict[str, Any]:
    """CPU time per device of a round of 100: in the open, with noise, with noise and masks."""
    world = World.of(load("demo", 0), 0)
    taken: dict[str, list[float]] = {name: [] for name in _MODES}
    with (
        tempfile.TemporaryDirectory(prefix="hushrec-bench-") as place,
        progress.stage("private round", total=_ROUNDS * len(_MODES)) as stage,
        one_thread(),
    ):
        federations = {name: _federation(world, Path(place) / name, *mode) for name, mode in _MODES.items()}
        for _ in range(_ROUNDS):  # in turn, so that a busy machine slows all alike
            for name, (federation, grid) in federations.items():
                started = time.process_time()
                report = next(iter(federation.run(grid, until=federation.round_number + 1)))
                taken[name].append(1000.0 * (time.process_time() - started) / report.selected)
                stage.advance()
        dimension = federations["user, ideal"][0].vector.size
    milliseconds = {name: sorted(values[1:])[len(values[1:]) // 2] for name, values in taken.items()}
    return {
        "devices": _DEVICES,
        "dimension of the model": dimension,
        "rows": [{"round": name, "milliseconds per device": value} for name, value in milliseconds.items()],
        "ideal over none": milliseconds["user, ideal"] / milliseconds["none, plain"],
        "secure less ideal, milliseconds per device": milliseconds["user, secure"] - milliseconds["user, ideal"],
    }


def _federation(world: World, place: Path, privacy: str, aggregation: str) -> tuple[Federation, InProcessGrid]:
    """A training over the first devices of the demo."""
    members: Sequence[int] = [int(person) for person in world.members[:_DEVICES]]
    settings = resolve("demo", facts_of(world), None, _SETTINGS, None, None, privacy, aggregation)
    folder = RunFolder.open(place, {"federation": settings.digest()}, resume=False)
    model = build_model(settings)
    catalogue = world.dataset.catalogue
    start = first_release(settings, catalogue, model, read_catalogue(model, catalogue, settings.backbone.max_tokens))
    write_population(folder.work, world.dataset.people, world.devices[:_DEVICES])
    federation = Federation(
        settings,
        model.layout,
        start.vector,
        items=len(catalogue),
        folder=folder.work,
        publish=lambda statistics: folder.publish(start),
        registry=registry_key(0).public_key().public_bytes_raw(),
        clock=simulated_clock(),
    )
    return federation, InProcessGrid(make_client_app(OpenSimulatedDevice(folder.work, 0)), len(members))
