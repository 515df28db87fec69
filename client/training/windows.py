"""Cuts a device's log into windows and draws those that take part. Each event lies in exactly one window, for ever.

Windows are counted by arrival, so that neither an event of an earlier time that comes late nor a deletion moves another
event to another window: what is promised to a window is promised to the same events over all rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.model import CONTEXT_WIDTH, encode_context

MOST_IMPORTANT = 4.0  # cut here: less noise, some bias


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive events of one person; its loss uses no other event."""

    events: tuple[Event, ...]

    def __repr__(self) -> str:
        return f"Window({len(self.events)} events)"


def cut_windows(events: Sequence[Event], length: int) -> list[Window]:
    """Windows of up to `length` events, in the order of their arrival; within a window, oldest first.

    Args:
        events: of one log, oldest first. One without a place of arrival has its position here for it.
        length: places of arrival in one window.
    """
    windows: dict[int, list[Event]] = {}
    for position, event in enumerate(events):
        arrival = position if event.arrival is None else event.arrival
        windows.setdefault(arrival // length, []).append(event)
    return [Window(tuple(windows[number])) for number in sorted(windows)]


def sample_windows(
    windows: Sequence[Window], newest: int, probability: float, generator: np.random.Generator
) -> list[Window]:
    """Toss a coin for each of the `newest` windows; an empty draw is a valid one, to be answered like any other."""
    eligible = list(windows[-newest:])
    return [eligible[place] for place in drawn_places(len(eligible), probability, generator)]


def drawn_places(eligible: int, probability: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Places of those that a coin each has drawn out of so many."""
    return np.flatnonzero(generator.random(eligible) < probability)


def negatives_of(
    windows: int,
    items: int,
    negatives: int,
    generator: np.random.Generator,
    likelihood: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Catalogue rows that each window is contrasted with, int64 [windows, negatives]; see `rows_of`."""
    size = (windows, negatives)
    if likelihood is None:
        return generator.integers(items, size=size)
    return np.searchsorted(likelihood, generator.random(size) * likelihood[-1], side="right")


def importance_of(event: Event) -> float:
    """Inverse propensity of what the recommender had shown, 4 at most; 1 for all else."""
    return 1.0 if event.propensity is None else min(1.0 / event.propensity, MOST_IMPORTANT)


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Drawn windows as catalogue rows, padded with -1 at the end.

    Attributes:
        rows: int64 [W, T], catalogue row of each event; -1 for padding, and for events without a known item.
        texts: the text of each event that has words of its own, by (window, place).
        others: int64 [W, N + S], catalogue rows each window is contrasted with.
        allowed: bool [W, T, N + S], whether such a row counts against an event; never one that its window chose.
        importance: float32 [W, T], inverse propensity of what the recommender had shown, 4 at most; 1 for all else.
            What is shown often is met often for that reason alone (Schnabel et al. 2016).
        context: float32 [W, T, 11], the circumstances of each event.
        offered: bool [W, T], whether it is known what was offered beside an event.
    """

    rows: NDArray[np.int64]
    texts: dict[tuple[int, int], str]
    others: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    importance: NDArray[np.float32]
    context: NDArray[np.float32]
    offered: NDArray[np.bool_]

    def __repr__(self) -> str:
        return f"WindowRows({len(self.rows)} windows)"


def rows_of(
    windows: Sequence[Window],
    catalogue: Catalogue,
    negatives: int,
    shown: int,
    generator: np.random.Generator,
    likelihood: NDArray[np.float64] | None = None,
) -> WindowRows:
    """Look windows up in the catalogue and draw what each is contrasted with.

    Args:
        windows: at least one, of at least one event each.
        catalogue: public items, in which events and what was offered are looked up.
        negatives: catalogue items drawn uniformly for each window, contrasted with all of its events.
        shown: at most so many of the items offered beside an event and not taken, contrasted with that event only.
        generator: draws what is contrasted.
        likelihood: float64 [items], cumulative chance of each item to be drawn; uniform when None.
    """
    length = max(len(window.events) for window in windows)
    rows = np.full((len(windows), length), -1, np.int64)
    importance = np.ones((len(windows), length), np.float32)
    context = np.zeros((len(windows), length, CONTEXT_WIDTH), np.float32)
    texts: dict[tuple[int, int], str] = {}
    offered: dict[tuple[int, int], NDArray[np.int64]] = {}
    for w, window in enumerate(windows):
        for t, event in enumerate(window.events):
            if event.item is not None and event.item in catalogue:
                rows[w, t] = catalogue.row(event.item)
            if event.text:
                texts[w, t] = event.text
            if event.context:
                context[w, t] = encode_context(event.context)
            importance[w, t] = importance_of(event)
            beside = [catalogue.row(item) for item in event.shown if item in catalogue]
            if beside and shown:
                offered[w, t] = generator.permutation(np.asarray(beside, np.int64))[:shown]
    drawn = negatives_of(len(windows), len(catalogue), negatives, generator, likelihood)
    extra = max((sum(len(r) for (v, _), r in offered.items() if v == w) for w in range(len(windows))), default=0)
    others = np.concatenate([drawn, np.zeros((len(windows), extra), np.int64)], 1)
    allowed = np.zeros((len(windows), length, negatives + extra), bool)
    allowed[:, :, :negatives] = True
    filled = np.full(len(windows), negatives)
    known = np.zeros((len(windows), length), bool)
    for (w, t), beside_rows in offered.items():
        known[w, t] = True
        end = filled[w] + len(beside_rows)
        others[w, filled[w] : end] = beside_rows
        allowed[w, t, filled[w] : end] = True
        filled[w] = end
    # What was chosen anywhere in a window speaks against no other event of it.
    allowed &= ~(others[:, :, None] == rows[:, None, :]).any(2)[:, None, :]
    return WindowRows(rows, texts, others, allowed, importance, context, known)
