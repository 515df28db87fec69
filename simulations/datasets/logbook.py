"""Gathers everybody's events while files are read and hands them out sorted. It drops none without reporting it."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

from shared.behaviour import Event
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt
from simulations.datasets.dataset import Person
from simulations.datasets.tally import Tally

UNKNOWN_ITEM = "item not in the catalogue"
DUPLICATE = "event stands twice"
_TIME = attrgetter("time_seconds")


class Logbook:
    """The events of all people; every `add` is one record, kept or reported."""

    def __init__(self, catalogue: Catalogue, tally: Tally) -> None:
        self._known = {item.id for item in catalogue}
        self._tally = tally
        self._events: dict[str, list[Event]] = {}
        self._items: dict[str, set[str | None]] = {}
        self._unknown = 0

    def add(self, person: str, event: Event, path: Path, line: int) -> bool:
        """Keep an event of a known item that does not stand there already; report it otherwise.

        Returns:
            Whether the event was kept.
        """
        if event.item is not None and event.item not in self._known:
            self._unknown += 1
            self._tally.lose(UNKNOWN_ITEM, path, line)
            return False
        self.meet(person)
        events = self._events[person]
        items = self._items[person]
        if event.item not in items:
            items.add(event.item)
        elif event in events:
            self._tally.lose(DUPLICATE, path, line)
            return False
        events.append(event)
        self._tally.kept += 1
        return True

    def meet(self, person: str) -> None:
        """Make a person known who may never do anything."""
        if person not in self._events:
            self._events[person] = []
            self._items[person] = set()

    def people(self, source: Path) -> tuple[Person, ...]:
        """Everybody in the order they came up, each with events by time, ties in file order.

        Raises:
            Corrupt: not one event was kept.
        """
        if not any(self._events.values()):
            raise Corrupt(
                f"{source}: expected events of items of the catalogue, got none "
                f"({self._unknown} of unknown items); are both files of the same data set?"
            )
        return tuple(Person(person, tuple(sorted(events, key=_TIME))) for person, events in self._events.items())


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
