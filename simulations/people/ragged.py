"""Lists of unlike length in one array: a million short lists as two numpy arrays, not as a million objects."""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from shared.files import write_atomically

Rows = NDArray[np.int32]


class RaggedRows(Sequence[Rows]):
    """n lists of int32, each a view into `values`.

    Attributes:
        values: int32 [total], one list after the other.
        starts: int64 [n + 1], where each list begins.
    """

    def __init__(self, values: Rows, starts: NDArray[np.int64]) -> None:
        """Take the arrays as they are."""
        self.values, self.starts = values, starts

    @classmethod
    def of(cls, lists: Iterable[Rows]) -> "RaggedRows":
        """Copies of these lists in one array."""
        kept = [np.asarray(one, np.int32) for one in lists]
        starts = np.cumsum([0, *map(len, kept)], dtype=np.int64)
        return cls(np.concatenate([np.zeros(0, np.int32), *kept]), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Of each list, int64 [n]."""
        return np.diff(self.starts)

    @overload
    def __getitem__(self, place: int) -> Rows: ...
    @overload
    def __getitem__(self, place: slice) -> "list[Rows]": ...
    def __getitem__(self, place: int | slice) -> "Rows | list[Rows]":
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        at = range(len(self))[place]
        return self.values[self.starts[at] : self.starts[at + 1]]

    def __iter__(self) -> Iterator[Rows]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return f"RaggedRows({len(self)} lists, {len(self.values)} rows)"

    def shortened(self, lengths: NDArray[np.int64]) -> "RaggedRows":
        """The first so many of each list, int64 [n]."""
        offsets = np.arange(len(self.values)) - np.repeat(self.starts[:-1], self.lengths)
        kept = offsets < np.repeat(lengths, self.lengths)
        return RaggedRows(self.values[kept], np.concatenate([[0], np.minimum(lengths, self.lengths).cumsum()]))


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array in numpy's format, in one piece or not at all."""
    content = BytesIO()
    np.save(content, array)
    write_atomically(path, content.getvalue())
