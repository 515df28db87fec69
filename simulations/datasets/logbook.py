"""Gathers everybody's events while files are read and hands them out sorted. It drops none without reporting it.

What stands twice is one event: the same act (kind, item, words and value) of the same person at the same moment, less
than a minute after it was last kept, or, where times only tell an order, directly after itself. So a copy of a test
event never stands in a training.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from shared.behaviour import Event, seconds_between
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt
from simulations.datasets.dataset import Person
from simulations.datasets.tally import LoadCounter

UNKNOWN_ITEM = "item not in the catalogue"
DUPLICATE = "event stands twice"
NEAR_DOUBLE = "near double: the same again within a minute, or directly after itself where times only tell an order"
_APART_SECONDS = 60.0
_TIME = attrgetter("time_seconds")


class _Kept:
    """One person's events with the lines they stand on."""

    __slots__ = ("events", "files", "lines")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lines = array("Q")
        self.files = array("H")


class EventCollector:
    """The events of all people; every `add` is one record, kept or reported, and some are merged in the end."""

    def __init__(self, catalogue: Catalogue, tally: LoadCounter) -> None:
        self._known = {item.id for item in catalogue}
        self._tally = tally
        self._people: dict[str, _Kept] = {}
        self._files: dict[Path, int] = {}
        self._unknown = 0

    def add(self, person: str, event: Event, path: Path, line: int) -> bool:
        """Keep an event of a known item; report it otherwise.

        Returns:
            Whether the event was kept.
        """
        if event.item is not None and event.item not in self._known:
            self._unknown += 1
            self._tally.skip(UNKNOWN_ITEM, path, line)
            return False
        self.meet(person)
        kept = self._people[person]
        kept.events.append(event)
        kept.lines.append(line)
        kept.files.append(self._files.setdefault(path, len(self._files)))
        self._tally.kept += 1
        return True

    def meet(self, person: str) -> None:
        """Make a person known who may never do anything."""
        if person not in self._people:
            self._people[person] = _Kept()

    def count(self, person: str) -> int:
        """Events kept of a person so far."""
        return len(self._people[person].events)

    def people(self, source: Path) -> tuple[Person, ...]:
        """Everybody in the order they came up, each with events by time, ties in file order.

        Doubles are merged and reported. To be called once.

        Raises:
            Corrupt: not one event was kept.
        """
        if not any(kept.events for kept in self._people.values()):
            raise Corrupt(
                f"{source}: expected events of items of the catalogue, got none "
                f"({self._unknown} of unknown items); are both files of the same data set?"
            )
        return tuple(Person(person, self._merged(kept)) for person, kept in self._people.items())

    def _merged(self, kept: _Kept) -> tuple[Event, ...]:
        files = list(self._files)
        merged: list[Event] = []
        last: dict[tuple[object, ...], int] = {}  # of each act, where it was kept last
        for place in sorted(range(len(kept.events)), key=lambda place: _TIME(kept.events[place])):
            event = kept.events[place]
            act = (event.kind, event.item, event.text, event.value)
            before = last.get(act)
            if before is not None and _same(merged[before], event, consecutive=before == len(merged) - 1):
                twice = merged[before].time_seconds == event.time_seconds
                self._tally.kept -= 1
                self._tally.skip(DUPLICATE if twice else NEAR_DOUBLE, files[kept.files[place]], kept.lines[place])
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
    lines: dict[str, int] = {}
    for line, item in items:
        if item.id in lines:
            raise Corrupt(
                f"{path}:{line}: item id {item.id!r} stands already on line {lines[item.id]}; ids must be unique"
            )
        lines[item.id] = line
    if not items:
        raise Corrupt(f"{path}: expected items, got none")
    return Catalogue(item for _, item in items)
