"""Some people's events as numpy columns: what splits, windows and texts of a whole population are computed on."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shared.behaviour import TURNED_AWAY, EventKind

KINDS = [kind.value for kind in EventKind]
_AWAY = [kind.value for kind in TURNED_AWAY]


class TextColumn(NamedTuple):
    """Words of E events, of which few are different.

    Attributes:
        numbers: int32 [E], the place of each event's words among `texts`; -1 where there are none.
        texts: the different ones, in the order in which they come up.
    """

    numbers: NDArray[np.int32]
    texts: list[str]


class PeopleBatch:
    """n people in a row with their E events, each person's oldest first. Only the columns that are asked for are read.

    Attributes:
        first: place of the first one among all people.
    """

    def __init__(self, read: Callable[[Sequence[str] | None], pa.Table], catalogue_ids: pa.Array, first: int) -> None:
        """Take a reader of columns.

        Args:
            read: gives the columns of these names, one row an event or a person without any.
            catalogue_ids: of the catalogue whose rows stand for items.
            first: place of the first person.
        """
        self._read, self._catalogue_ids, self.first = read, catalogue_ids, first

    def __repr__(self) -> str:
        return f"PeopleBatch({len(self)} people)"

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """int64 [n + 1], where each person's events begin."""
        _, begins, met = self._layout
        return np.concatenate([[0], np.add.reduceat(met.astype(np.int64), begins).cumsum()]).astype(np.int64)

    @cached_property
    def ids(self) -> list[str]:
        """The names of the people."""
        people, begins, _ = self._layout
        return [str(name) for name in people.take(pa.array(begins)).to_pylist()]

    @cached_property
    def row_owners(self) -> NDArray[np.int64]:
        """The place of each row's person in this batch; rows are events, and people without any."""
        people, begins, _ = self._layout
        return np.repeat(np.arange(len(begins)), np.diff(begins, append=len(people)))

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """int64 [E], the place of each event's person in this batch."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Bool [E], which events show interest; see `shared.behaviour.positive_events`."""
        away = pc.is_in(self._column("kind").dictionary, pa.array(_AWAY)).to_numpy(zero_copy_only=False)
        return ~away[np.asarray(self._column("kind").indices)]

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """int32 [E], the catalogue row of each event's item; -1 without one that the catalogue holds."""
        column = self._column("item")
        rows = np.append(self._catalogue_rows(column.dictionary), np.int32(-1))
        return rows[np.asarray(column.indices.fill_null(len(rows) - 1))]

    @cached_property
    def has_item(self) -> NDArray[np.bool_]:
        """Bool [E], which events are about an item, known or not."""
        return np.asarray(self._column("item").is_valid())

    @cached_property
    def texts(self) -> TextColumn:
        """The person's own words."""
        return self._texts("text")

    @cached_property
    def contexts(self) -> TextColumn:
        """Circumstances as JSON lists of pairs."""
        return self._texts("context")

    @cached_property
    def propensities(self) -> NDArray[np.float64]:
        """float64 [E], NaN where the recommender showed nothing."""
        return np.asarray(self._column("propensity").fill_null(np.nan))

    @cached_property
    def shown(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Catalogue rows of what was offered beside the events (-1: unknown), and int64 [E + 1] where each begins."""
        column = self._column("shown")
        lengths = np.asarray(column.value_lengths().fill_null(0), np.int64)
        return self._catalogue_rows(column.flatten()), np.concatenate([[0], lengths.cumsum()])

    def events_only(self, table: pa.Table) -> pa.Table:
        """The rows of a table of this batch that are events."""
        _, _, met = self._layout
        return table if met.all() else table.filter(pa.array(met))

    @cached_property
    def _layout(self) -> tuple[pa.Array, NDArray[np.int64], NDArray[np.bool_]]:
        """Name of each row's person, where persons begin, and which rows are events."""
        table = self._read(["person", "kind"])
        people, kinds = (table.column(name).combine_chunks() for name in ("person", "kind"))
        numbers = np.asarray(people.indices)
        changes = np.flatnonzero(np.diff(numbers)) + 1
        begins = np.concatenate([[0], changes]) if len(numbers) else changes
        return people, begins, kinds.is_valid().to_numpy(zero_copy_only=False)

    def _column(self, name: str) -> pa.Array:
        table = self._read([name])
        return self.events_only(table).column(name).combine_chunks()

    def _texts(self, name: str) -> TextColumn:
        column = self._column(name)
        indices = np.asarray(column.indices.fill_null(-1), np.int32)
        held = indices[indices >= 0]
        used, firsts = np.unique(held, return_index=True)
        order = np.argsort(firsts)
        numbers = np.full(len(column.dictionary) + 1, -1, np.int32)
        numbers[used[order]] = np.arange(len(used))
        texts = column.dictionary.take(pa.array(used[order])).to_pylist()
        return TextColumn(numbers[indices], texts)

    def _catalogue_rows(self, ids: pa.Array) -> NDArray[np.int32]:
        found = pc.index_in(ids, value_set=self._catalogue_ids)
        return np.asarray(found.fill_null(-1), np.int32)
