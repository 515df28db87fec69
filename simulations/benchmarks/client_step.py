"""What one device pays for one answer."""

from collections.abc import Callable, Sequence
from typing import Any

from client.training import LocalTraining
from shared.behaviour import Event
from shared.federation import PLAIN_HEAD_GROUPS
from shared.model import build_model
from shared.release import Release, first_release
from simulations.benchmarks.timing import median_milliseconds
from simulations.datasets import load
from simulations.devices import SeededRandomness
from simulations.engine import read_catalogue
from simulations.evaluation import World
from simulations.report import Progress
from simulations.settings import facts_of, resolve

_REPEATS = 20


def client_step(progress: Progress) -> dict[str, Any]:
    """One device's update on the demo: heads and adapter, with and without per-window privacy."""
    world = World.of(load("demo", 0), 0)
    longest = max(world.members, key=lambda person: len(world.training_log(int(person))))
    events = world.training_log(int(longest))
    variants = {}
    for privacy in ("none", "event"):
        settings = resolve("demo", facts_of(world), None, ["model.dense_width=64"], None, None, privacy, "plain")
        model = build_model(settings)
        catalogue = world.dataset.catalogue
        release = first_release(
            settings, catalogue, model, read_catalogue(model, catalogue, settings.backbone.max_tokens)
        )
        training = LocalTraining(model)
        for part, groups in {
            "heads": PLAIN_HEAD_GROUPS,
            "heads and adapter": (*PLAIN_HEAD_GROUPS, "adapters"),
        }.items():
            variants[f"{part}, privacy {privacy}"] = _step(training, release, groups, events)
    with progress.stage("client step"):
        milliseconds = median_milliseconds(variants, _REPEATS)
    return {
        "events": len(events),
        "rows": [{"variant": name, "milliseconds": value} for name, value in milliseconds.items()],
        "privacy over none, heads": milliseconds["heads, privacy event"] / milliseconds["heads, privacy none"],
    }


def _step(
    training: LocalTraining, release: Release, groups: Sequence[str], events: Sequence[Event]
) -> Callable[[], object]:
    return lambda: training.update(release, release.vector, groups, events, SeededRandomness(0, 0, 1))
