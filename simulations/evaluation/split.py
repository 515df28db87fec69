"""What is kept for validation and test, and what is left to learn from. It never lets a kept event into training.

Choices are what is learnt from, counted and asked for: events that show interest in a catalogue item
(`positive_events`), never a skip or a dismissal. Only a new item is asked for, one that no event of the person was
about before, since a device offers nothing that was met. Without shown lists, the last choice of a new item is the test
and the one before it the validation; no event from the validation on is in any training, popularity included. With
shown lists, those are the test, and the last new choices of some people the validation. People with fewer than three
are not asked about; what they did is learnt from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import TURNED_AWAY, Event
from shared.catalogue import Catalogue
from simulations.datasets import Dataset
from simulations.evaluation.choices import Choices, choices_of
from simulations.people import RaggedRows, Rows

NEGATIVES = 99
FEWEST_NEW = 3  # one to know the person by, one for validation, one for the test
_EVERY = 4  # with shown lists, one person in so many is asked for validation
_MOST_ASKED = 50_000  # people


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
        kept_from: int64 [people], place in a person's events from which on they are kept out of training: there stands
            what is asked for validation. -1 where nothing is kept.
        validation, test: what is asked.
        repeats: share of all choices that are of an item met before.
    """

    items: int
    training: RaggedRows
    kept_from: NDArray[np.int64]
    validation: Questions
    test: Questions
    repeats: float = 0.0

    def without(self, strangers: NDArray[np.bool_]) -> "Split":
        """The same questions, with nothing learnt from the people marked in `strangers`, bool [people]."""
        return replace(self, training=self.training.shortened(np.where(strangers, 0, self.training.lengths)))

    def counts(self) -> NDArray[np.float64]:
        """Training events of each item, float64 [items]."""
        return np.bincount(self.training.values, minlength=self.items).astype(np.float64)


def item_places(events: Sequence[Event], catalogue: Catalogue) -> list[int]:
    """Positions of the choices: the events that show interest in a catalogue item."""
    return [place for place, event in enumerate(events) if event.kind not in TURNED_AWAY and event.item in catalogue]


def split(dataset: Dataset, seed: int) -> Split:
    """Split a data set.

    Of more than 50,000 people who could be asked, so many are, drawn by chance. The same is kept out of anybody's
    training.

    Args:
        dataset: the people with their events, and what they were shown, where that is known.
        seed: of the sampled negatives, where the data set does not fix them.
    """
    choices = choices_of(dataset.people, dataset.catalogue)
    rng = np.random.default_rng([seed, NEGATIVES])
    shown_lists = bool(dataset.impressions)
    able = np.flatnonzero(choices.new >= FEWEST_NEW)
    if shown_lists:
        # The test holds nobody's own events back, so a sample is enough: those whose last new choice has its list.
        able = np.asarray([person for person in able[::_EVERY] if _list_of(dataset, person, choices)], np.int64)
    kept_from = np.full(len(choices.new), -1)
    kept_from[able] = choices.places[able, 0 if shown_lists else 1]
    learnt = choices.rows.lengths.copy()
    learnt[able] = choices.numbers[able, 0 if shown_lists else 1]
    asked = able
    if len(able) > _MOST_ASKED:
        asked = np.sort(np.random.default_rng([seed, _MOST_ASKED]).choice(able, _MOST_ASKED, replace=False))
    unseen = _Unseen(len(dataset.catalogue), rng)
    drawn = [_negatives(dataset, person, choices, unseen) for person in asked.tolist()]
    validation = _last_new(dataset, choices, asked, 1 if shown_lists else 2, drawn)
    test = _impressions(dataset, choices, unseen) if shown_lists else _last_new(dataset, choices, asked, 1, drawn)
    total = len(choices.rows.values)
    repeats = 1.0 - int(choices.new.sum()) / max(total, 1)
    return Split(len(dataset.catalogue), choices.rows.shortened(learnt), kept_from, validation, test, repeats)


def _last_new(dataset: Dataset, choices: Choices, asked: NDArray[np.int64], back: int, drawn: list[Rows]) -> Questions:
    """A question for each person asked: the choice of a new item that is the `back`-th from the end."""
    people = asked.tolist()
    wanted = choices.numbers[asked, back - 1].tolist()
    return Questions(
        len(dataset.catalogue),
        asked,
        [choices.rows[person][:at] for person, at in zip(people, wanted, strict=True)],
        np.asarray([choices.rows[person][at] for person, at in zip(people, wanted, strict=True)], np.int32),
        _stack(drawn),
        [_list_of(dataset, person, choices) if dataset.impressions else None for person in people],
        [choices.turned_away(person, int(choices.places[person, back - 1])) for person in people],
    )


def _rows(items: Iterable[str | None], catalogue: Catalogue) -> Rows:
    """Rows of those items that the catalogue holds, in their order."""
    return np.asarray([catalogue.row(item) for item in items if item is not None and item in catalogue], np.int32)


def _negatives(dataset: Dataset, person: int, of: Choices, unseen: "_Unseen") -> Rows:
    if dataset.negatives:
        fixed = dataset.negatives.get(dataset.people[person].id)
        if fixed is not None:
            return _rows(fixed, dataset.catalogue)
    return unseen.draw(np.concatenate([of.rows[person], of.away[person]]))


class _Unseen:
    """Draws rows that a person has not seen."""

    def __init__(self, items: int, rng: np.random.Generator) -> None:
        self._rng, self._seen = rng, np.zeros(items, bool)

    def draw(self, seen: Rows) -> Rows:
        """Up to 99 distinct rows that are not among those seen, drawn uniformly."""
        self._seen[seen] = True
        items = len(self._seen)
        drawn = self._rng.choice(items, min(items, NEGATIVES + int(np.count_nonzero(self._seen))), replace=False)
        kept = drawn[~self._seen[drawn]][:NEGATIVES].astype(np.int32)
        self._seen[seen] = False
        return kept


def _stack(drawn: Sequence[Rows]) -> Rows:
    negatives = np.full((len(drawn), NEGATIVES), -1, np.int32)
    for question, rows in enumerate(drawn):
        negatives[question, : len(rows)] = rows[:NEGATIVES]
    return negatives


def _list_of(dataset: Dataset, person: int, of: Choices) -> ShownList | None:
    """The list in which a person's last new choice was made, if it is known."""
    event = dataset.people[person].events[int(of.places[person, 0])]
    rows = _rows((event.item, *(item for item in event.shown if item != event.item)), dataset.catalogue)
    return ShownList(rows, np.arange(len(rows)) == 0) if len(rows) > 1 else None


def _impressions(dataset: Dataset, choices: Choices, unseen: "_Unseen") -> Questions:
    """One question per list shown in the test period; its target is the first new item clicked, or the first one."""
    catalogue = dataset.catalogue
    lists, histories, targets, negatives = [], [], [], []
    for impression in dataset.impressions:
        rows = np.asarray([catalogue.row(item) for item in impression.candidates], np.int32)
        clicked = np.asarray(impression.clicked, bool)
        history = _rows(impression.history, catalogue)
        met = np.concatenate([choices.rows[impression.person], history, rows[clicked]])
        lists.append(ShownList(rows, clicked))
        histories.append(history)
        new = rows[clicked][~np.isin(rows[clicked], history)]
        targets.append((*new, *rows[clicked])[0])
        negatives.append(unseen.draw(met))
    people = np.asarray([impression.person for impression in dataset.impressions], np.int64)
    return Questions(len(catalogue), people, histories, np.asarray(targets, np.int32), _stack(negatives), lists)
