"""What is kept for validation and test, and what is left to learn from. It never lets a kept event into training.

Without shown lists, a person's last item event is the test and the one before it the validation; neither is in any
training, popularity included. With shown lists, those are the test, and the last events of some people the validation.
People with fewer than three item events are not asked about; what they did is learnt from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event
from shared.catalogue import Catalogue
from simulations.datasets import Dataset

NEGATIVES = 99
_FEWEST_EVENTS = 3
_EVERY = 4  # with shown lists, one person in so many is asked for validation

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ShownList:
    """Catalogue rows shown together, and which of them were clicked."""

    candidates: Rows
    clicked: NDArray[np.bool_]


@dataclass(frozen=True)
class Questions:
    """Things to be predicted, m of them.

    Attributes:
        items: length of the catalogue.
        people: int64 [m], positions in the data set.
        histories: catalogue rows each person met before, oldest first.
        targets: int32 [m], the row to be found.
        negatives: int32 [m, 99], rows the person never met; -1 where there are fewer.
        lists: for each question the list shown, or None.
    """

    items: int
    people: NDArray[np.int64]
    histories: Sequence[Rows]
    targets: Rows
    negatives: Rows
    lists: Sequence[ShownList | None]

    def __len__(self) -> int:
        return len(self.people)

    def of(self, people: NDArray[np.int64]) -> "Questions":
        """Those of these people only."""
        return self.at(np.flatnonzero(np.isin(self.people, people)))

    def at(self, places: NDArray[np.int64]) -> "Questions":
        """Those at these places only."""
        return Questions(
            self.items,
            self.people[places],
            [self.histories[place] for place in places],
            self.targets[places],
            self.negatives[places],
            [self.lists[place] for place in places],
        )


@dataclass(frozen=True)
class Split:
    """A data set, split.

    Attributes:
        items: length of the catalogue.
        training: rows of every person's training events, oldest first.
        held_back: int64 [people], how many of a person's last item events are kept out of training.
        validation, test: what is asked.
    """

    items: int
    training: Sequence[Rows]
    held_back: NDArray[np.int64]
    validation: Questions
    test: Questions

    def without(self, strangers: NDArray[np.bool_]) -> "Split":
        """The same questions, with nothing learnt from the people marked in `strangers`, bool [people]."""
        nothing = np.zeros(0, np.int32)
        training = [nothing if out else rows for rows, out in zip(self.training, strangers, strict=True)]
        return Split(self.items, training, self.held_back, self.validation, self.test)

    def counts(self) -> NDArray[np.float64]:
        """Training events of each item, float64 [items]."""
        if not self.training:
            return np.zeros(self.items)
        return np.bincount(np.concatenate(self.training), minlength=self.items).astype(np.float64)


def item_places(events: Sequence[Event], catalogue: Catalogue) -> list[int]:
    """Positions of the events that concern a catalogue item."""
    return [place for place, event in enumerate(events) if event.item in catalogue]


def training_events(events: Sequence[Event], catalogue: Catalogue, held_back: int) -> Sequence[Event]:
    """What of a log may be learnt from: all before the last `held_back` events that concern a catalogue item."""
    return events[: item_places(events, catalogue)[-held_back]] if held_back else events


def validation_event(events: Sequence[Event], catalogue: Catalogue, held_back: int) -> Sequence[Event]:
    """The first of the last `held_back` events that concern a catalogue item; none where nothing is held back."""
    return [events[item_places(events, catalogue)[-held_back]]] if held_back else []


def split(dataset: Dataset, seed: int) -> Split:
    """Split a data set.

    Args:
        seed: of the sampled negatives, where the data set does not fix them.
    """
    catalogue = dataset.catalogue
    sequences = [_rows((event.item for event in person.events), catalogue) for person in dataset.people]
    chance = np.random.default_rng([seed, NEGATIVES])
    shown_lists = bool(dataset.impressions)
    asked = [person for person, rows in enumerate(sequences) if len(rows) >= _FEWEST_EVENTS]
    if shown_lists:
        # The test holds nobody's own events back, so a sample is enough: those whose last event has its list.
        asked = [person for person in asked[::_EVERY] if _list_of(dataset, person, catalogue) is not None]
    drawn = {person: _negatives(dataset, person, sequences[person], chance) for person in asked}
    back = 1 if shown_lists else 2
    validation = Questions(
        len(catalogue),
        np.asarray(asked, np.int64),
        [sequences[person][:-back] for person in asked],
        np.asarray([sequences[person][-back] for person in asked], np.int32),
        _stack([drawn[person] for person in asked]),
        [_list_of(dataset, person, catalogue) if shown_lists else None for person in asked],
    )
    if shown_lists:
        test = _impressions(dataset, sequences, chance)
    else:
        test = Questions(
            len(catalogue),
            validation.people,
            [sequences[person][:-1] for person in asked],
            np.asarray([sequences[person][-1] for person in asked], np.int32),
            validation.negatives,
            [None] * len(asked),
        )
    held_back = np.zeros(len(sequences), np.int64)
    held_back[asked] = back
    training = [rows[: len(rows) - held] for rows, held in zip(sequences, held_back, strict=True)]
    return Split(len(catalogue), training, held_back, validation, test)


def _rows(items: Iterable[str | None], catalogue: Catalogue) -> Rows:
    """Rows of those items that the catalogue holds, in their order."""
    return np.asarray([catalogue.row(item) for item in items if item is not None and item in catalogue], np.int32)


def _negatives(dataset: Dataset, person: int, rows: Rows, chance: np.random.Generator) -> Rows:
    fixed = dataset.negatives.get(dataset.people[person].id)
    if fixed is not None:
        return _rows(fixed, dataset.catalogue)
    return _unseen(rows, len(dataset.catalogue), chance)


def _unseen(seen: Rows, items: int, chance: np.random.Generator) -> Rows:
    """Up to 99 distinct rows that are not among those seen, drawn uniformly."""
    drawn = chance.choice(items, min(items, NEGATIVES + len(np.unique(seen))), replace=False)
    return drawn[~np.isin(drawn, seen)][:NEGATIVES].astype(np.int32)


def _stack(drawn: Sequence[Rows]) -> Rows:
    negatives = np.full((len(drawn), NEGATIVES), -1, np.int32)
    for question, rows in enumerate(drawn):
        negatives[question, : len(rows)] = rows[:NEGATIVES]
    return negatives


def _list_of(dataset: Dataset, person: int, catalogue: Catalogue) -> ShownList | None:
    """The list in which a person's last item event was clicked, if it is known."""
    events = dataset.people[person].events
    event = events[item_places(events, catalogue)[-1]]
    rows = _rows((event.item, *(item for item in event.shown if item != event.item)), catalogue)
    return ShownList(rows, np.arange(len(rows)) == 0) if len(rows) > 1 else None


def _impressions(dataset: Dataset, sequences: Sequence[Rows], chance: np.random.Generator) -> Questions:
    """One question per list shown in the test period; its target is the first item clicked."""
    catalogue = dataset.catalogue
    lists, histories, targets, negatives = [], [], [], []
    for impression in dataset.impressions:
        rows = np.asarray([catalogue.row(item) for item in impression.candidates], np.int32)
        clicked = np.asarray(impression.clicked, bool)
        history = _rows(impression.history, catalogue)
        met = np.concatenate([sequences[impression.person], history, rows[clicked]])
        lists.append(ShownList(rows, clicked))
        histories.append(history)
        targets.append(rows[clicked][0])
        negatives.append(_unseen(met, len(catalogue), chance))
    people = np.asarray([impression.person for impression in dataset.impressions], np.int64)
    return Questions(len(catalogue), people, histories, np.asarray(targets, np.int32), _stack(negatives), lists)
