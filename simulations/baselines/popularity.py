"""The same ranking for everybody: how often an item was met in training. Never counts a validation or test event."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.people import Rows


class Popularity:
    """Training events of each item."""

    def __init__(self, training: Sequence[Rows], items: int) -> None:
        events = np.concatenate([np.zeros(0, np.int32), *training])
        self._counts = np.bincount(events, minlength=items).astype(np.float32)

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        return np.broadcast_to(self._counts, (len(people), len(self._counts)))
