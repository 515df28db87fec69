"""All devices' windows as columns of numbers on disk, mapped into memory: any process reads any device's at once.

What `client.training.windows` makes of a log, made once for the whole population. It holds rows of the catalogue and
numbers of texts, no words.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from client.training import MOST_IMPORTANT
from shared.catalogue import Catalogue
from shared.errors import Corrupt
from shared.model import CONTEXT_WIDTH, encode_context
from simulations.devices import Population
from simulations.people import PeopleBatch, save_array

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
        offered_starts: int64 [W * T + 1], where the items offered beside each event begin; [1] where nothing was.
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

    def rows_of(self, device: int) -> list[int]:
        """Catalogue rows of the items that a device trains on, oldest first."""
        rows = self.rows[self.starts[device] : self.starts[device + 1]].ravel()
        known: list[int] = rows[rows >= 0].tolist()
        return known

    def offered_beside(self, window: int) -> list[NDArray[np.int32]]:
        """Catalogue rows of what was offered beside each event of a window and not taken."""
        length = self.rows.shape[1]
        bounds = self.offered_starts[window * length : (window + 1) * length + 1]
        return [self.offered[begin:end] for begin, end in pairwise(bounds)]


def write_windows(
    folder: Path, population: Population, catalogue: Catalogue, length: int, numbers: Mapping[str, int]
) -> None:
    """Write the columns of a population's devices: what `client.training.cut_windows` makes of each log.

    Args:
        folder: where to.
        population: the devices, in the order of their persons.
        catalogue: in which items are looked up.
        length: events in one window.
        numbers: of every text of a person's own (see `People.own_texts`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    events = np.concatenate([np.zeros(0, np.int64), *(one.counts for one in _learnt(population, None))])
    windows = -(-events // length)
    starts = np.concatenate([[0], windows.cumsum()])
    widest = min(length, max(int(events.max(initial=0)), 1))
    lengths = np.full(int(starts[-1]), length, np.int32)
    used = np.flatnonzero(windows)
    lengths[starts[used + 1] - 1] = events[used] - (windows[used] - 1) * length
    kinds: dict[str, int] = {"[]": 0}
    offered: list[NDArray[np.int32]] = []
    offered_counts: list[NDArray[np.int64]] = []
    shape = len(lengths), widest
    with ExitStack() as files:
        rows = files.enter_context(_Appended(folder / "rows.npy", np.int32, shape))
        texts = files.enter_context(_Appended(folder / "texts.npy", np.int32, shape))
        importance = files.enter_context(_Appended(folder / "importance.npy", np.float32, shape))
        contexts = files.enter_context(_Appended(folder / "contexts.npy", np.int32, shape))
        for learnt in _learnt(population, catalogue):
            batch, chosen = learnt.batch, learnt.events
            place = learnt.positions % length + widest * (learnt.positions // length)
            before = np.concatenate([[0], (-(-learnt.counts // length)).cumsum()])
            at = place + widest * np.repeat(before[:-1], learnt.counts)
            size = widest * int(before[-1])
            rows.add(_placed(size, at, batch.rows[chosen], -1))
            own = np.asarray([numbers.get(text, -1) for text in batch.texts.texts] + [-1], np.int32)
            texts.add(_placed(size, at, own[batch.texts.numbers[chosen]], -1))
            told = batch.contexts
            known = [kinds.setdefault(kind, len(kinds)) for kind in told.texts]
            contexts.add(_placed(size, at, np.asarray([*known, 0], np.int32)[told.numbers[chosen]], 0))
            weights = np.fmin(1.0 / batch.propensities[chosen], MOST_IMPORTANT)
            importance.add(_placed(size, at, np.where(np.isnan(batch.propensities[chosen]), 1.0, weights), 1.0))
            beside, counts = _offered(batch, chosen)
            offered.append(beside)
            offered_counts.append(_placed(size, at, counts, 0))
    kept = np.concatenate([np.zeros(0, np.int32), *offered])
    counted = np.concatenate([np.zeros(0, np.int64), *offered_counts]) if len(kept) else np.zeros(0, np.int64)
    pairs = [tuple((name, word) for name, word in json.loads(kind)) for kind in kinds]
    columns: dict[str, NDArray[Any]] = {
        "starts": starts.astype(np.int64),
        "events": events,
        "lengths": lengths,
        "circumstances": np.stack([encode_context(kind) for kind in pairs]).reshape(-1, CONTEXT_WIDTH),
        "offered_starts": np.concatenate([[0], counted.cumsum()]),
        "offered": kept,
    }
    for name, column in columns.items():
        save_array(folder / f"{name}.npy", column)


class _Learnt(NamedTuple):
    """What the devices of one batch of people learn from.

    Attributes:
        batch: the people.
        events: int64 [L], places in the batch of the events that are learnt from, device after device.
        positions: int64 [L], which of its device's such events each is.
        counts: int64 [devices], how many each device has.
    """

    batch: PeopleBatch
    events: NDArray[np.int64]
    positions: NDArray[np.int64]
    counts: NDArray[np.int64]


def _learnt(population: Population, catalogue: Catalogue | None) -> Iterator[_Learnt]:
    persons, ends = population.devices[:, 0], population.devices[:, 1]
    if (np.diff(persons) <= 0).any():
        raise RuntimeError("windows: expected devices in the order of their persons, one each, got another order")
    for batch in population.people.batches(catalogue):
        begin, end = np.searchsorted(persons, [batch.first, batch.first + len(batch)])
        last = np.zeros(len(batch), np.int64)
        last[persons[begin:end] - batch.first] = ends[begin:end]
        in_log = np.arange(len(batch.owners)) - batch.starts[batch.owners]
        events = np.flatnonzero(batch.positive & (in_log < last[batch.owners]))
        counts = np.bincount(batch.owners[events], minlength=len(batch))[persons[begin:end] - batch.first]
        starts = np.concatenate([[0], counts.cumsum()])
        positions = np.arange(len(events)) - np.repeat(starts[:-1], counts)
        yield _Learnt(batch, events, positions, counts)


def _placed(size: int, at: NDArray[np.int64], values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
    column = np.full(size, elsewhere, values.dtype)
    column[at] = values
    return column


def _offered(batch: PeopleBatch, events: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Catalogue rows of what was offered beside these events, and how many of them beside each."""
    rows, starts = batch.shown
    lengths = np.diff(starts)[events]
    ends = lengths.cumsum()
    places = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts[events] - (ends - lengths), lengths)
    known = rows[places] >= 0
    owners = np.repeat(np.arange(len(events)), lengths)
    return rows[places][known], np.bincount(owners[known], minlength=len(events))


class _Appended:
    """An array in numpy's format whose numbers come one batch after the other: they never lie in memory together."""

    def __init__(self, path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape = path, np.dtype(dtype), shape

    def __enter__(self) -> "_Appended":
        self._partly = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        self._file = self._partly.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def add(self, values: NDArray[Any]) -> None:
        """The next numbers, in the order of the array."""
        self._file.write(np.ascontiguousarray(values, self._dtype).data)

    def __exit__(self, failed: object, *_: object) -> None:
        self._file.close()
        if failed is None:
            self._partly.replace(self._path)
        else:
            self._partly.unlink()
