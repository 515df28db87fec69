"""What goes with one person's past: the part of a score that other people's choices give, and which event gives it."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F32Vector, F64Array
from shared.companions import Companions, companion_score


class Past(NamedTuple):
    """The events of one person, oldest first.

    Attributes:
        rows: int64 [events], the catalogue row of each event's item; -1 where it is about none.
        weights: float64 [events], what each counts.
    """

    rows: NDArray[np.int64]
    weights: F64Array

    def __repr__(self) -> str:
        return f"Past({len(self.rows)} events)"

    @classmethod
    def of(cls, weights: F64Array, rows: Sequence[int | None]) -> Self:
        """Put events together, None standing for no item."""
        return cls(np.array([-1 if row is None else row for row in rows], np.int64), weights)


class Company(NamedTuple):
    """The companions of a person's past.

    Attributes:
        rows: int32 [events, m], their catalogue rows.
        said: float64 [events, m], what each event says for them.
        scores: float32 [items], what all events together add to each item's score.
        scale: w_pair.
    """

    rows: NDArray[np.int32]
    said: F64Array
    scores: F32Vector
    scale: float

    def __repr__(self) -> str:
        return f"Company({len(self.rows)} events)"

    @classmethod
    def of(cls, past: Past, companions: Companions, scale: float) -> Self:
        """Look up the companions of a past."""
        rows, said = companions.rows[past.rows], companions.beside(past.rows, past.weights)
        named, places = np.unique(rows, return_inverse=True)  # few of a large catalogue
        together = np.bincount(places.ravel(), said.ravel(), len(named)).astype(np.float64)
        scores = np.zeros(len(companions.rows), np.float32)
        scores[named] = scale * companion_score(together)
        return cls(rows, said, scores, scale)

    def because(self, row: int) -> F64Array:
        """What each event adds to an item's score, float64 [events]: its share of what all say for it."""
        said = np.where(self.rows == row, self.said, 0.0).sum(1)
        whole = said.sum()
        return np.asarray(said * (float(self.scores[row]) / whole) if whole else said)
