"""Train a federation step by step in one process, with the parts that `simulate` puts together.

Run it with `python simulations/examples/federation_in_ten_lines.py`; it takes some seconds. The ten statements
stand in `federate`: the server's `Federation` asks simulated devices, each of which trains on its own log, for sums.
"""

import tempfile
from pathlib import Path

from client import make_client_app
from server import Federation
from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from shared.federation import read_federation
from shared.model import build_model
from shared.release import Release, first_release, next_release
from simulations import Dataset
from simulations.devices import InProcessGrid, OpenSimulatedDevice, write_logs
from simulations.engine import simulated_clock

TITLES = ("Growing roses", "Pruning roses", "First guitar chords", "Tuning a guitar", "Baking bread", "Sourdough bread")
SETTINGS = (
    "model.dense_width=4",
    "model.concepts=3",
    "model.concept_top=2",
    "model.popularity=false",  # else item counts would be summed first
    'training.groups=["forgetting", "scales"]',
    "training.rounds=3",
    "training.clients_per_round=8",
    "windows.events=4",
    "privacy.level=none",  # so that a few people show that something is learnt; it promises nothing
    "sum.mode=plain",
    "evaluation.every_rounds=0",
)


def few_people() -> Dataset:
    """Eight people with four events each, who came to like one topic after the other."""
    items = [Item(f"i{row}", title, title) for row, title in enumerate(TITLES)]
    logs = {
        f"person {n}": [Event(1.7e9 + 86_400.0 * day, EventKind.CLICK, f"i{(n + day) % 6}") for day in range(4)]
        for n in range(8)
    }
    return Dataset.of("few people", items, logs)


def federate(data: Dataset, folder: Path) -> Release:
    """The release that three rounds lead to; logs and checkpoints lie in `folder`."""
    file = read_federation(settings=SETTINGS)
    model = build_model(file)
    start = first_release(file, data.catalogue, model, model.encoder.read_catalogue(data.catalogue.texts))
    start.save(folder / "releases" / start.digest())
    write_logs(folder, [person.events for person in data.people])
    grid = InProcessGrid(make_client_app(OpenSimulatedDevice(folder, seed=0)), len(data.people))
    federation = Federation(
        file, model.layout, start.vector, items=len(data.catalogue), folder=folder,
        publish=lambda statistics: start.digest(), clock=simulated_clock(),
    )  # fmt: skip
    for report in federation.run(grid):
        print(f"round {report.number}: {report.answered} devices, a step along a mean of norm {report.update_norm:.4f}")
    return next_release(start, model, federation.vector, federation.round_number)


def main() -> None:
    """Train, and say what it led to."""
    with tempfile.TemporaryDirectory() as place:
        release = federate(few_people(), Path(place))
    concepts = "; ".join(release.concept_names)
    print(f"release after round {release.round_number}: {len(release.catalogue)} items; concepts: {concepts}")


if __name__ == "__main__":
    main()
