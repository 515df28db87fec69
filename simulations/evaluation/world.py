"""The people of a simulation: who takes part, what each device holds, what is kept for the test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event
from shared.errors import NotYet
from simulations.datasets import Dataset
from simulations.evaluation.choices import choices_of
from simulations.evaluation.split import FEWEST_NEW, Split, split
from simulations.people import People

_STRANGERS_SHARE = 0.05
_CURVE_PEOPLE = 1000


@dataclass(frozen=True)
class World:
    """A data set, split.

    Attributes:
        split: training rows and targets of every person.
        members: int64, the people who have a device in the federation.
        strangers: bool [people], those who never take part, so that what the model gives to new people can be measured.
    """

    dataset: Dataset
    split: Split
    members: NDArray[np.int64]
    strangers: NDArray[np.bool_]

    @classmethod
    def of(cls, dataset: Dataset, seed: int, strangers_share: float = _STRANGERS_SHARE) -> "World":
        """Split a data set and draw a share of its people, one in twenty, as strangers.

        Raises:
            NotYet: nobody can be asked for anything, or all items have the same text.
        """
        _refuse_too_little(dataset)
        people = len(dataset.people)
        strangers = np.zeros(people, bool)
        drawn = np.random.default_rng([seed, 5]).choice(people, int(strangers_share * people), replace=False)
        strangers[drawn] = True
        parts = split(dataset, seed).without(strangers)
        if not len(parts.test):
            raise NotYet(_nobody_to_ask(dataset))
        return cls(dataset, parts, np.flatnonzero(~strangers), strangers)

    @property
    def events(self) -> int:
        """Events of all people together."""
        return self.dataset.people.events

    @property
    def curve_people(self) -> NDArray[np.int64]:
        """The people whom the learning curve is measured on: all, or a fixed sample of them."""
        people = len(self.dataset.people)
        if people <= _CURVE_PEOPLE:
            return np.arange(people)
        return np.sort(np.random.default_rng(_CURVE_PEOPLE).choice(people, _CURVE_PEOPLE, replace=False))

    @property
    def logs(self) -> Sequence[Sequence[Event]]:
        """Every person's whole log, test events included: for evaluation only."""
        return _Logs(self.dataset.people)

    @property
    def devices(self) -> NDArray[np.int64]:
        """What each member's device holds, int64 [members, 4]; see `simulations.devices.write_population`."""
        kept_from = self.split.kept_from[self.members]
        ends = np.where(kept_from < 0, np.iinfo(np.int64).max, kept_from)
        begins = np.maximum(kept_from, 0)
        return np.stack([self.members, ends, begins, begins + (kept_from >= 0)], axis=1)

    def training_log(self, person: int) -> Sequence[Event]:
        """What a person's device may hold during training: everything before the validation event."""
        events, kept_from = self.dataset.people[person].events, int(self.split.kept_from[person])
        return events if kept_from < 0 else events[:kept_from]

    def held_out(self, person: int) -> Sequence[Event]:
        """What a person's device may be measured on: the validation event, or nothing. Never the test event."""
        kept_from = int(self.split.kept_from[person])
        return () if kept_from < 0 else self.dataset.people[person].events[kept_from : kept_from + 1]


class _Logs(Sequence[Sequence[Event]]):
    """The events of people, read when one is asked for."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __len__(self) -> int:
        return len(self._people)

    def __getitem__(self, place: Any) -> Any:
        people = self._people[place]
        return [person.events for person in people] if isinstance(people, tuple) else people.events


def _refuse_too_little(dataset: Dataset) -> None:
    if dataset.catalogue.tells_nothing:
        raise NotYet(
            f"{dataset.name}: expected items whose texts differ, got {len(dataset.catalogue)} items with the same "
            "text; items are ranked by their text: give each its own"
        )


def _nobody_to_ask(dataset: Dataset) -> str:
    made = choices_of(dataset.people, dataset.catalogue)
    most, choices = int(made.new.max(initial=0)), len(made.rows.values)
    return (
        f"{dataset.name}: expected people who chose at least {FEWEST_NEW} different items (one to know them by, one "
        f"for validation, one for the test), got none among {len(dataset.people)} people with {choices} choices: the "
        f"most that anybody has is {most}; add at least {FEWEST_NEW - most} more for some of them (skips, dismissals "
        "and repeats do not count)"
    )
