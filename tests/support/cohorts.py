"""Devices whose updates are computed together, under parameters that have moved on from a release's."""

import numpy as np

from client import LoadedRelease
from client.training import LocalTraining
from shared.behaviour import Event, EventKind, positive_events
from simulations.cohort import CohortRound, WindowColumns, write_windows
from simulations.devices import Population, SeededRandomness, write_logs
from tests.support.tiny import catalogue

GROUPS = ("dense", "concepts", "transitions", "forgetting", "context", "bias", "scales", "adapters")
ITEMS = [item.id for item in catalogue()]
NUMBER, SEED = 3, 5


class Cohort:
    """Devices of some logs, under a release whose every parameter has moved, and a vector that has moved on from it."""

    def __init__(self, tiny, people, folder, *settings):
        release, model = tiny.moved(*settings)
        self.release, self.model, self.logs = release, model, people
        rng = np.random.default_rng(1)
        self.vector = release.vector + rng.normal(0, 0.05, len(release.vector)).astype(np.float32)
        self.installed = LoadedRelease(release, "digest", model, LocalTraining(model))
        groups = set(model.layout.groups)
        self.groups = tuple(group for group in GROUPS if group in groups)
        write_logs(folder, people)
        population = Population(folder)
        numbers = population.people.own_texts()
        with model.at(release.vector):
            self.words = model.encoder.read(list(numbers))
        write_windows(folder, population, release.catalogue, release.federation.windows.events, numbers)
        self.columns = WindowColumns(folder)

    def together(self):
        round_ = CohortRound(self.installed, self.vector, self.groups, NUMBER, self.columns, self.words, SEED)
        return round_.updates(range(len(self.logs)))

    def alone(self, device):
        events, chance = positive_events(self.logs[device]), SeededRandomness(SEED, device, NUMBER)
        return self.installed.training.update(self.release, self.vector, self.groups, events, chance)


def people_of(count, events=9):
    rng = np.random.default_rng(0)
    return [
        [Event(float(place), EventKind.CLICK, ITEMS[row]) for place, row in enumerate(rng.integers(24, size=events))]
        for _ in range(count)
    ]
