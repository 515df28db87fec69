"""What is kept for validation and test, and what is left to learn from. It never lets a kept event into training.

Choices are what is learnt from, counted and asked for: events that show interest in a catalogue item
(`positive_events`), never a skip or a dismissal. Only a new item is asked for, one that no event of the person was
about before, since a device offers nothing that was met. Without shown lists, the last choice of a new item is the test
and the one before it the validation; no event from the validation on is in any training, popularity included. With
shown lists, those are the test, and the last new choices of some people the validation. People with fewer than three
are not asked about; what they did is learnt from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import TURNED_AWAY, Event, new_places
from shared.catalogue import Catalogue
from simulations.datasets import Dataset

NEGATIVES = 99
FEWEST_NEW = 3  # one to know the person by, one for validation, one for the test
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
        histories: catalogue rows each person chose before, oldest first.
        targets: int32 [m], the row to be found.
        negatives: int32 [m, 99], rows the person never met; -1 where there are fewer.
        lists: for each question the list shown, or None.
        turned_away: catalogue rows that each person skipped or dismissed before; nobody did when it is empty.
    """

    items: int
    people: NDArray[np.int64]
    histories: Sequence[Rows]
    targets: Rows
    negatives: Rows
    lists: Sequence[ShownList | None]
    turned_away: Sequence[Rows] = ()

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
            [self.turned_away[place] for place in places] if self.turned_away else (),
        )


@dataclass(frozen=True)
class Split:
    """A data set, split.

    Attributes:
        items: length of the catalogue.
        training: rows of every person's choices to learn from, oldest first.
        held_back: int64 [people], how many of a person's last choices are kept out of training.
        validation, test: what is asked.
        repeats: share of all choices that are of an item met before.
    """

    items: int
    training: Sequence[Rows]
    held_back: NDArray[np.int64]
    validation: Questions
    test: Questions
    repeats: float = 0.0

    def without(self, strangers: NDArray[np.bool_]) -> "Split":
        """The same questions, with nothing learnt from the people marked in `strangers`, bool [people]."""
        nothing = np.zeros(0, np.int32)
        training = [nothing if out else rows for rows, out in zip(self.training, strangers, strict=True)]
        return replace(self, training=training)

    def counts(self) -> NDArray[np.float64]:
        """Training events of each item, float64 [items]."""
        if not self.training:
            return np.zeros(self.items)
        return np.bincount(np.concatenate(self.training), minlength=self.items).astype(np.float64)


def item_places(events: Sequence[Event], catalogue: Catalogue) -> list[int]:
    """Positions of the choices: the events that show interest in a catalogue item."""
    return [place for place, event in enumerate(events) if event.kind not in TURNED_AWAY and event.item in catalogue]


def training_events(events: Sequence[Event], catalogue: Catalogue, held_back: int) -> Sequence[Event]:
    """What of a log may be learnt from: all before the last `held_back` choices."""
    return events[: item_places(events, catalogue)[-held_back]] if held_back else events


def validation_event(events: Sequence[Event], catalogue: Catalogue, held_back: int) -> Sequence[Event]:
    """The first of the last `held_back` choices; none where nothing is held back."""
    return [events[item_places(events, catalogue)[-held_back]]] if held_back else []


@dataclass(frozen=True, slots=True)
class _Choices:
    """What of one person's events may be asked.

    Catalogue rows of all choices, which of them are of a new item, and where in the log they stand.
    """

    rows: Rows
    new: list[int]
    places: list[int]


def split(dataset: Dataset, seed: int) -> Split:
    """Split a data set.

    Args:
        dataset: the people with their events, and what they were shown, where that is known.
        seed: of the sampled negatives, where the data set does not fix them.
    """
    catalogue = dataset.catalogue
    choices = [_choices(person.events, catalogue) for person in dataset.people]
    rng = np.random.default_rng([seed, NEGATIVES])
    shown_lists = bool(dataset.impressions)
    asked = [person for person, of in enumerate(choices) if len(of.new) >= FEWEST_NEW]
    if shown_lists:
        # The test holds nobody's own events back, so a sample is enough: those whose last new choice has its list.
        asked = [person for person in asked[::_EVERY] if _list_of(dataset, person, choices[person]) is not None]
    drawn = {person: _negatives(dataset, person, choices[person], rng) for person in asked}
    validation = _last_new(dataset, choices, asked, 1 if shown_lists else 2, drawn)
    test = _impressions(dataset, choices, rng) if shown_lists else _last_new(dataset, choices, asked, 1, drawn)
    held_back = np.zeros(len(choices), np.int64)
    held_back[asked] = [
        len(choices[person].rows) - len(history) for person, history in zip(asked, validation.histories, strict=True)
    ]
    training = [of.rows[: len(of.rows) - held] for of, held in zip(choices, held_back, strict=True)]
    total = sum(len(of.rows) for of in choices)
    repeats = 1.0 - sum(len(of.new) for of in choices) / max(total, 1)
    return Split(len(catalogue), training, held_back, validation, test, repeats)


def _choices(events: Sequence[Event], catalogue: Catalogue) -> _Choices:
    places = item_places(events, catalogue)
    new = set(new_places(events, catalogue))
    rows = _rows((events[place].item for place in places), catalogue)
    return _Choices(rows, [number for number, place in enumerate(places) if place in new], places)


def _last_new(
    dataset: Dataset, choices: Sequence[_Choices], asked: Sequence[int], back: int, drawn: Mapping[int, Rows]
) -> Questions:
    """A question for each person asked: the choice of a new item that is the `back`-th from the end."""
    wanted = [choices[person].new[-back] for person in asked]
    logs = [
        dataset.people[person].events[: choices[person].places[at]] for person, at in zip(asked, wanted, strict=True)
    ]
    return Questions(
        len(dataset.catalogue),
        np.asarray(asked, np.int64),
        [choices[person].rows[:at] for person, at in zip(asked, wanted, strict=True)],
        np.asarray([choices[person].rows[at] for person, at in zip(asked, wanted, strict=True)], np.int32),
        _stack([drawn[person] for person in asked]),
        [_list_of(dataset, person, choices[person]) if dataset.impressions else None for person in asked],
        [_turned_away(log, dataset.catalogue) for log in logs],
    )


def _turned_away(events: Sequence[Event], catalogue: Catalogue) -> Rows:
    return _rows((event.item for event in events if event.kind in TURNED_AWAY), catalogue)


def _rows(items: Iterable[str | None], catalogue: Catalogue) -> Rows:
    """Rows of those items that the catalogue holds, in their order."""
    return np.asarray([catalogue.row(item) for item in items if item is not None and item in catalogue], np.int32)


def _negatives(dataset: Dataset, person: int, of: _Choices, rng: np.random.Generator) -> Rows:
    fixed = dataset.negatives.get(dataset.people[person].id)
    if fixed is not None:
        return _rows(fixed, dataset.catalogue)
    away = _turned_away(dataset.people[person].events, dataset.catalogue)
    return _unseen(np.concatenate([of.rows, away]), len(dataset.catalogue), rng)


def _unseen(seen: Rows, items: int, rng: np.random.Generator) -> Rows:
    """Up to 99 distinct rows that are not among those seen, drawn uniformly."""
    drawn = rng.choice(items, min(items, NEGATIVES + len(np.unique(seen))), replace=False)
    return drawn[~np.isin(drawn, seen)][:NEGATIVES].astype(np.int32)


def _stack(drawn: Sequence[Rows]) -> Rows:
    negatives = np.full((len(drawn), NEGATIVES), -1, np.int32)
    for question, rows in enumerate(drawn):
        negatives[question, : len(rows)] = rows[:NEGATIVES]
    return negatives


def _list_of(dataset: Dataset, person: int, of: _Choices) -> ShownList | None:
    """The list in which a person's last new choice was made, if it is known."""
    event = dataset.people[person].events[of.places[of.new[-1]]]
    rows = _rows((event.item, *(item for item in event.shown if item != event.item)), dataset.catalogue)
    return ShownList(rows, np.arange(len(rows)) == 0) if len(rows) > 1 else None


def _impressions(dataset: Dataset, choices: Sequence[_Choices], rng: np.random.Generator) -> Questions:
    """One question per list shown in the test period; its target is the first new item clicked, or the first one."""
    catalogue = dataset.catalogue
    lists, histories, targets, negatives = [], [], [], []
    for impression in dataset.impressions:
        rows = np.asarray([catalogue.row(item) for item in impression.candidates], np.int32)
        clicked = np.asarray(impression.clicked, bool)
        history = _rows(impression.history, catalogue)
        met = np.concatenate([choices[impression.person].rows, history, rows[clicked]])
        lists.append(ShownList(rows, clicked))
        histories.append(history)
        new = rows[clicked][~np.isin(rows[clicked], history)]
        targets.append((*new, *rows[clicked])[0])
        negatives.append(_unseen(met, len(catalogue), rng))
    people = np.asarray([impression.person for impression in dataset.impressions], np.int64)
    return Questions(len(catalogue), people, histories, np.asarray(targets, np.int32), _stack(negatives), lists)
