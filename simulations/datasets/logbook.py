"""Gathers everybody's events while files are read and hands them out sorted. It drops none without reporting it.

What stands twice is one event: the same act (kind, item, words and value) of the same person at the same moment, less
than a minute after it was last kept, or, where times only tell an order, directly after itself. So a copy of a test
event never stands in a training.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.behaviour import Event, EventKind, seconds_between
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt
from shared.records import identity, whole
from simulations.datasets.tally import LoadCounter
from simulations.people import People, Person

UNKNOWN_ITEM = "item not in the catalogue"
DUPLICATE = "event stands twice"
NEAR_DOUBLE = "near double: the same again within a minute, or directly after itself where times only tell an order"
_APART_SECONDS = 60.0
_KINDS = list(EventKind)


class EventCollector:
    """The events of all people; every `add` is one record, kept or reported, and some are merged in the end.

    What is kept are numbers in arrays and each text once, not an object for each event.
    """

    def __init__(self, catalogue: Catalogue, tally: LoadCounter) -> None:
        self._catalogue, self._tally = catalogue, tally
        self._people: dict[str, int] = {}
        self._counts = array("Q")  # of events kept, by person
        self._files: dict[Path, int] = {}
        self._owners, self._kinds, self._rows = array("Q"), array("b"), array("i")
        self._times, self._values = array("d"), array("d")
        self._texts, self._words = array("i"), [""]
        self._beside: dict[int, tuple[tuple[str, ...], tuple[tuple[str, str], ...], float | None]] = {}
        self._lines, self._sources = array("Q"), array("H")
        self._unknown = 0

    def add(self, person: str, event: Event, path: Path, line: int) -> bool:
        """Keep an event of a known item; report it otherwise.

        Returns:
            Whether the event was kept.
        """
        if event.item is not None and event.item not in self._catalogue:
            event = replace(event, item=whole(identity(event.item)))
        if event.item is not None and event.item not in self._catalogue:
            self._unknown += 1
            self._tally.skip(UNKNOWN_ITEM, path, line)
            return False
        owner = self._people[self.meet(person)]
        self._counts[owner] += 1
        if event.shown or event.context or event.propensity is not None:
            self._beside[len(self._owners)] = event.shown, event.context, event.propensity
        if event.text:
            self._words.append(event.text)
        self._owners.append(owner)
        self._times.append(event.time_seconds)
        self._kinds.append(_KINDS.index(event.kind))
        self._rows.append(-1 if event.item is None else self._catalogue.row(event.item))
        self._texts.append(len(self._words) - 1 if event.text else 0)
        self._values.append(math.nan if event.value is None else event.value)
        self._lines.append(line)
        self._sources.append(self._files.setdefault(path, len(self._files)))
        self._tally.kept += 1
        return True

    def meet(self, person: str) -> str:
        """Make a person known who may never do anything, and give the id that they are known by."""
        if person in self._people:
            return person
        person = identity(person)
        if person not in self._people:
            self._people[person] = len(self._people)
            self._counts.append(0)
        return person

    def count(self, person: str) -> int:
        """Events kept of a person so far."""
        return self._counts[self._people[self.meet(person)]]

    def people(self, source: Path) -> People:
        """Everybody in the order they came up, each with events by time, ties in file order.

        Doubles are merged and reported. To be called once.

        Raises:
            Corrupt: not one event was kept.
        """
        if not self._owners:
            raise Corrupt(
                f"{source}: expected events of items of the catalogue, got none "
                f"({self._unknown} of unknown items); are both files of the same data set?"
            )
        return People.of(self._in_order())

    def _in_order(self) -> Iterator[Person]:
        order = np.lexsort((np.frombuffer(self._times), np.frombuffer(self._owners, np.uint64)))
        ends = np.cumsum(self._counts)
        for (person, owner), end in zip(self._people.items(), ends.tolist(), strict=True):
            yield Person(person, self._merged(order[end - self._counts[owner] : end].tolist()))

    def _event(self, place: int) -> Event:
        row, value = self._rows[place], self._values[place]
        shown, context, propensity = self._beside.get(place, ((), (), None))
        return Event(
            self._times[place],
            _KINDS[self._kinds[place]],
            None if row < 0 else self._catalogue[row].id,
            self._words[self._texts[place]],
            None if math.isnan(value) else value,
            shown,
            context,
            propensity,
        )

    def _merged(self, places: Sequence[int]) -> tuple[Event, ...]:
        files = list(self._files)
        merged: list[Event] = []
        last: dict[tuple[object, ...], int] = {}  # of each act, where it was kept last
        for place in places:
            event = self._event(place)
            act = (event.kind, event.item, event.text, event.value)
            before = last.get(act)
            if before is not None and _same(merged[before], event, consecutive=before == len(merged) - 1):
                twice = merged[before].time_seconds == event.time_seconds
                self._tally.kept -= 1
                self._tally.skip(DUPLICATE if twice else NEAR_DOUBLE, files[self._sources[place]], self._lines[place])
                merged[before] = _joined(merged[before], event)
                continue
            last[act] = len(merged)
            merged.append(event)
        return tuple(merged)


def _same(before: Event, event: Event, consecutive: bool) -> bool:
    apart = seconds_between(before, event)
    if apart is None:
        return consecutive or before.time_seconds == event.time_seconds
    return apart < _APART_SECONDS


def _joined(before: Event, event: Event) -> Event:
    """One event of two: what was shown beside either was shown beside it."""
    shown = tuple(dict.fromkeys((*before.shown, *event.shown)))
    return before if shown == before.shown else replace(before, shown=shown)


def unique_items(items: Sequence[tuple[int, Item]], path: Path) -> Catalogue:
    """The catalogue of items read from `path` with their lines.

    Raises:
        Corrupt: an id stands twice, or there are no items.
    """
    named = [(line, item, whole(identity(item.id))) for line, item in items]
    lines: dict[str, int] = {}
    for line, _, name in named:
        if name in lines:
            raise Corrupt(f"{path}:{line}: item id {name!r} stands already on line {lines[name]}; ids must be unique")
        lines[name] = line
    if not items:
        raise Corrupt(f"{path}: expected items, got none")
    return Catalogue(item if item.id == name else replace(item, id=name) for _, item, name in named)
