"""What everybody chose, as columns: which events of a population may be learnt from and asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.catalogue import Catalogue
from simulations.people import People, PeopleBatch, RaggedRows, Rows

_LAST = 2  # new choices that can be asked of one person: the test and the validation


@dataclass(frozen=True)
class Choices:
    """The choices of n people: their events that show interest in an item of the catalogue.

    Attributes:
        rows: catalogue rows of each person's choices, oldest first.
        new: int64 [n], how many of them are of an item that no event before was about.
        numbers: int64 [n, 2], which choice is the last new one, and which the one before it; -1 where there is none.
        places: int64 [n, 2], where in the person's events these two stand.
        away: catalogue rows that each person skipped or dismissed, oldest first.
        away_places: int32, where in their person's events those stand, in the same order.
    """

    rows: RaggedRows
    new: NDArray[np.int64]
    numbers: NDArray[np.int64]
    places: NDArray[np.int64]
    away: RaggedRows
    away_places: Rows

    def turned_away(self, person: int, before: int) -> Rows:
        """Catalogue rows of what a person turned away from, in events before a place."""
        begin, end = self.away.starts[person : person + 2]
        return self.away[person][self.away_places[begin:end] < before]


def choices_of(people: People, catalogue: Catalogue) -> Choices:
    """What these people chose."""
    parts = [_of_batch(batch, len(catalogue)) for batch in people.batches(catalogue)]
    return Choices(
        _joined([part.rows for part in parts]),
        np.concatenate([np.zeros(0, np.int64), *(part.new for part in parts)]),
        np.concatenate([np.zeros((0, _LAST), np.int64), *(part.numbers for part in parts)]),
        np.concatenate([np.zeros((0, _LAST), np.int64), *(part.places for part in parts)]),
        _joined([part.away for part in parts]),
        np.concatenate([np.zeros(0, np.int32), *(part.away_places for part in parts)]),
    )


def _of_batch(batch: PeopleBatch, items: int) -> Choices:
    known, owners = batch.rows >= 0, batch.owners
    in_log = np.arange(len(owners)) - batch.starts[owners]
    chosen, away = known & batch.positive, known & ~batch.positive
    # An item is new where the first event of its person about it is a choice.
    about = np.flatnonzero(known)
    _, firsts = np.unique(owners[about] * items + batch.rows[about], return_index=True)
    new = np.zeros(len(owners), bool)
    new[about[firsts]] = True
    new &= chosen
    rows = _ragged(batch, chosen)
    numbers, places = np.full((len(batch), _LAST), -1), np.full((len(batch), _LAST), -1)
    number = chosen.cumsum() - 1 - rows.starts[owners]
    count = np.bincount(owners[new], minlength=len(batch))
    ends, met = count.cumsum(), np.flatnonzero(new)
    for back in range(_LAST):
        have = np.flatnonzero(count > back)
        at = met[ends[have] - 1 - back]
        numbers[have, back], places[have, back] = number[at], in_log[at]
    return Choices(rows, count, numbers, places, _ragged(batch, away), in_log[away].astype(np.int32))


def _ragged(batch: PeopleBatch, among: NDArray[np.bool_]) -> RaggedRows:
    counts = np.bincount(batch.owners[among], minlength=len(batch))
    return RaggedRows(batch.rows[among], np.concatenate([[0], counts.cumsum()]))


def _joined(parts: list[RaggedRows]) -> RaggedRows:
    lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
    values = np.concatenate([np.zeros(0, np.int32), *(part.values for part in parts)])
    return RaggedRows(values, np.concatenate([[0], lengths.cumsum()]))
