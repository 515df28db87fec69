"""The windows that devices draw in a round and what each is contrasted with: the same coins as on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from client import Randomness
from client.training import drawn_places, negatives_of
from shared.federation import FederationFile
from simulations.cohort.closed_form import IndexedWindows
from simulations.cohort.window_columns import WindowColumns


@dataclass(frozen=True, slots=True)
class DrawnWindows:
    """The windows that one device drew.

    Attributes:
        windows: int64 [w], rows of the columns.
        others: int64 [w, N], catalogue rows drawn for each.
        offered: of each window, what counts beside its events: (place, catalogue rows) pairs.
    """

    windows: NDArray[np.int64]
    others: NDArray[np.int64]
    offered: tuple[tuple[tuple[int, NDArray[np.int64]], ...], ...]

    def __repr__(self) -> str:
        return f"DrawnWindows({len(self.windows)})"


def draw_windows(
    columns: WindowColumns,
    federation: FederationFile,
    items: int,
    likelihood: NDArray[np.float64] | None,
    device: int,
    randomness: Randomness,
) -> DrawnWindows:
    """What a device draws in a round that trains heads: as `LocalTraining` draws it, number by number.

    Args:
        columns: all devices' windows.
        federation: says how many windows take part, how likely, and how many items each is contrasted with.
        items: length of the catalogue.
        likelihood: cumulative chance of each item to be a negative; None where all are alike.
        device: its place in the columns.
        randomness: the device's chance of the round.
    """
    settings = federation.windows
    coins = randomness.numpy("windows")
    begin, end = int(columns.starts[device]), int(columns.starts[device + 1])
    eligible = np.arange(max(begin, end - settings.per_device), end)
    windows = eligible[drawn_places(len(eligible), settings.sampling_probability, coins)]
    offered: list[tuple[tuple[int, NDArray[np.int64]], ...]] = [()] * len(windows)
    if settings.shown and len(columns.offered):
        for w, window in enumerate(windows):
            beside = [(t, rows) for t, rows in enumerate(columns.offered_beside(int(window))) if len(rows)]
            offered[w] = tuple((t, coins.permutation(rows.astype(np.int64))[: settings.shown]) for t, rows in beside)
    if not len(windows):
        return DrawnWindows(windows, np.zeros((0, settings.negatives), np.int64), ())
    others = negatives_of(len(windows), items, settings.negatives, coins, likelihood)
    return DrawnWindows(windows, others, tuple(offered))


def indexed(
    columns: WindowColumns,
    drawn: Sequence[DrawnWindows],
    text_rows: NDArray[np.int64],
    nothing: int,
    only_shown: bool = False,
) -> IndexedWindows:
    """Drawn windows of some devices, one device's after the other's, as indices into a table of views.

    Args:
        columns: all devices' windows.
        drawn: what each device drew.
        text_rows: int64 [texts], where each text of a person's own stands in the table; items stand at their rows.
        nothing: the table's row that stands for no text.
        only_shown: see the federation file's `windows.only_shown`.
    """
    windows = np.concatenate([one.windows for one in drawn])
    rows, texts = columns.rows[windows].astype(np.int64), columns.texts[windows]
    longest = int(columns.lengths[windows].max())
    rows, texts = rows[:, :longest], texts[:, :longest]
    known, own = rows >= 0, texts >= 0
    targets = np.where(known, rows, nothing)
    events = np.where(own, text_rows[texts], targets) if own.any() else targets
    met = (known | own).astype(np.int64)
    predicted = known & (met.cumsum(1) > met)
    others = np.concatenate([one.others for one in drawn])
    allowed = np.ones((len(windows), longest, others.shape[1]), bool)
    offered = [one for device in drawn for one in device.offered]
    if only_shown:
        listed = np.zeros(predicted.shape, bool)
        for w, one in enumerate(offered):
            listed[w, [t for t, _ in one]] = True
        predicted &= listed
    extra = max((sum(len(beside) for _, beside in one) for one in offered), default=0)
    if extra:
        filled = np.full(len(windows), others.shape[1])
        others = np.concatenate([others, np.zeros((len(windows), extra), np.int64)], 1)
        allowed = np.concatenate([allowed, np.zeros((len(windows), longest, extra), bool)], 2)
        for w, one in enumerate(offered):
            for t, beside in one:
                end = filled[w] + len(beside)
                others[w, filled[w] : end] = beside
                allowed[w, t, filled[w] : end] = True
                filled[w] = end
    # What was chosen anywhere in a window speaks against no other event of it.
    allowed &= ~(others[:, :, None] == rows[:, None, :]).any(2)[:, None, :]
    return IndexedWindows(
        torch.from_numpy(events),
        torch.from_numpy(targets),
        torch.from_numpy(others),
        torch.from_numpy(predicted),
        torch.from_numpy(allowed),
        torch.from_numpy(columns.importance[windows][:, :longest]),
        torch.from_numpy(columns.circumstances[columns.contexts[windows][:, :longest]]),
    )
