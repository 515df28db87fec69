"""All devices' windows as columns of numbers on disk, mapped into memory: any process reads any device's at once.

What `client.training.windows` makes of a log, made once for the whole population. It holds rows of the catalogue and
numbers of texts, no words.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client.training import cut_windows, importance_of
from shared.behaviour import Event, positive_events
from shared.catalogue import Catalogue
from shared.errors import Corrupt
from shared.files import write_atomically
from shared.model import CONTEXT_WIDTH, encode_context

_COLUMNS = (
    "starts", "events", "lengths", "rows", "texts", "importance", "contexts", "circumstances", "offered_starts",
    "offered",
)  # fmt: skip


class WindowColumns:
    """The windows of n devices, W in all, of up to T events each.

    Attributes:
        starts: int64 [n + 1], where each device's windows begin, oldest first.
        events: int64 [n], how many events each device trains on.
        lengths: int32 [W], how many events each window has.
        rows: int32 [W, T], catalogue row of each event; -1 for padding, and for events without a known item.
        texts: int32 [W, T], number of the text of each event that has words of its own; -1 for the others.
        importance: float32 [W, T], see `WindowRows`.
        contexts: int32 [W, T], row of each event's circumstances.
        circumstances: float32 [kinds, 11]; the first are unknown ones.
        offered_starts: int64 [W * T + 1], where the items offered beside each event begin.
        offered: int32, their catalogue rows.
    """

    def __init__(self, folder: Path) -> None:
        """Map what `write_windows` wrote.

        Raises:
            Corrupt: a column is missing or damaged.
        """
        try:
            columns: dict[str, NDArray[Any]] = {
                # As plain arrays over the same memory: what is cut out of a mapped one costs more than the cut.
                name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
                for name in _COLUMNS
            }
        except (OSError, ValueError) as error:
            raise Corrupt(f"windows of simulated devices {folder}: could not be read ({error}); start anew") from None
        self.starts, self.events = columns["starts"], columns["events"]
        self.lengths = columns["lengths"]
        self.rows, self.texts = columns["rows"], columns["texts"]
        self.importance, self.contexts = columns["importance"], columns["contexts"]
        self.circumstances = columns["circumstances"]
        self.offered_starts, self.offered = columns["offered_starts"], columns["offered"]

    def __repr__(self) -> str:
        return f"WindowColumns({len(self.events)} devices, {len(self.rows)} windows)"

    def offered_beside(self, window: int) -> list[NDArray[np.int32]]:
        """Catalogue rows of what was offered beside each event of a window and not taken."""
        length = self.rows.shape[1]
        bounds = self.offered_starts[window * length : (window + 1) * length + 1]
        return [self.offered[begin:end] for begin, end in pairwise(bounds)]


def write_windows(
    folder: Path, logs: Iterable[Sequence[Event]], catalogue: Catalogue, length: int, numbers: Mapping[str, int]
) -> None:
    """Write the columns of these devices' logs.

    Args:
        folder: where to.
        logs: one for each device, oldest event first.
        catalogue: in which items are looked up.
        length: places of arrival in one window.
        numbers: of every text of a person's own (see `OwnWords`).
    """
    kinds: dict[tuple[tuple[str, str], ...], int] = {(): 0}
    starts, events, windows = [0], [], []
    for log in logs:
        positive = positive_events(log)
        cut = cut_windows(positive, length)
        windows += cut
        events.append(len(positive))
        starts.append(len(windows))
    widest = max((len(window.events) for window in windows), default=1)
    shape = (len(windows), widest)
    rows, texts = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    importance, contexts = np.ones(shape, np.float32), np.zeros(shape, np.int32)
    offered: list[int] = []
    offered_counts = np.zeros(shape, np.int64)
    for w, window in enumerate(windows):
        for t, event in enumerate(window.events):
            if event.item is not None and event.item in catalogue:
                rows[w, t] = catalogue.row(event.item)
            if event.text:
                texts[w, t] = numbers[event.text]
            if event.context:
                contexts[w, t] = kinds.setdefault(event.context, len(kinds))
            importance[w, t] = importance_of(event)
            beside = [catalogue.row(item) for item in event.shown if item in catalogue]
            offered += beside
            offered_counts[w, t] = len(beside)
    columns: dict[str, NDArray[Any]] = {
        "starts": np.asarray(starts, np.int64),
        "events": np.asarray(events, np.int64),
        "lengths": np.asarray([len(window.events) for window in windows], np.int32),
        "rows": rows,
        "texts": texts,
        "importance": importance,
        "contexts": contexts,
        "circumstances": np.stack([encode_context(kind) for kind in kinds]).reshape(-1, CONTEXT_WIDTH),
        "offered_starts": np.concatenate([[0], offered_counts.ravel().cumsum()]),
        "offered": np.asarray(offered, np.int32),
    }
    for name, column in columns.items():
        save_array(folder / f"{name}.npy", column)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array in numpy's format, in one piece or not at all."""
    content = BytesIO()
    np.save(content, array)
    write_atomically(path, content.getvalue())
