"""Reads our own layout, for anybody's data: `items.jsonl` or `items.csv`, and `events.jsonl` or `events.csv`.

Or, in place of the events, `people.parquet` as `export --columns` writes it, which is opened without being read.

The layouts are those of servers and devices, see `shared.records`. An unknown name is an error. An empty or absent
value that is needed makes the row a reported loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.behaviour import Event
from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from shared.records import EVENTS, ITEMS, Reading, find_file, find_parts, read_events, read_items
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import DUPLICATE, UNKNOWN_ITEM, EventCollector
from simulations.datasets.tally import LoadCounter
from simulations.people import PEOPLE_FILE, People

_ITEM_FILES, _EVENT_FILES = ("items.jsonl", "items.csv"), ("events.jsonl", "events.csv")


def load_events(folder: Path) -> Dataset:
    """Load the items file and the events of `folder`, which are one file or parts of one (`events-PART.csv`).

    Raises:
        Misconfigured: a file is missing, or there twice: as .jsonl and as .csv, plain and packed, whole and in parts.
        Corrupt: lines are not what these layouts say.
    """
    items_path, events_paths = _one_of(folder, _ITEM_FILES, find_file(folder, *_ITEM_FILES)), _events_of(folder)
    tally = LoadCounter()
    catalogue = _items(items_path, items_path, tally)
    files = {"items": items_path, "events": events_paths[0]}
    if events_paths[0].name == PEOPLE_FILE:
        people = _in_columns(events_paths[0], catalogue, tally)
    else:
        people = _people([(Reading(path, EVENTS), path) for path in events_paths], catalogue, tally)
    return Dataset(f"events {folder.name}", catalogue, people, tally.report(), files=files)


def dataset_of_records(name: str, items: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Dataset:
    """A data set of records in memory, with the fields that lines of `items.jsonl` and `events.jsonl` have.

    Raises:
        Corrupt: a record is none; the first twenty are named, by their places counted from 1.
    """
    tally = LoadCounter()
    catalogue = _items(Reading.of_records("items", items, ITEMS), Path("items"), tally)
    people = _people([(Reading.of_records("events", events, EVENTS), Path("events"))], catalogue, tally)
    return Dataset(name, catalogue, people, tally.report())


def _people(readings: Sequence[tuple[Reading, Path]], catalogue: Catalogue, tally: LoadCounter) -> People:
    """Everybody's events; the paths name their sources in what is reported."""
    logbook = EventCollector(catalogue, tally)
    taking = _Taking(logbook, catalogue, tally)
    for reading, path in readings:
        taking.take(reading, path)
    return logbook.people(readings[0][1])


class _Taking:
    """Takes files of events one after the other; keys, and whether times are dates, are of all of them together."""

    def __init__(self, logbook: EventCollector, catalogue: Catalogue, tally: LoadCounter) -> None:
        self._logbook, self._tally = logbook, tally
        self._names = {item.id: item.id for item in catalogue}  # one string object per item, not one per event
        self._keys: set[tuple[str, str]] = set()
        self._dated: tuple[Path, bool] | None = None

    def take(self, reading: Reading, path: Path) -> None:
        """All events of a file, or of records in memory.

        Raises:
            Corrupt: lines are no events, or its times are dates where those of a file before are positions.
        """
        for line, fields in read_events(reading):
            self._tally.read += 1
            if fields is None:
                self._tally.skip("blank line", path, line)
            elif not fields.keys() >= set(EVENTS.needed) or not fields.keys() & {"item", "text"}:
                self._tally.skip("missing value", path, line)
            else:
                self._take(fields, path, line)
        for said in reading.notes:
            self._tally.note(said)

    def _take(self, fields: Mapping[str, Any], path: Path, line: int) -> None:
        tally, key = self._tally, (fields["person"], fields.get("key", ""))
        if key[1] and key in self._keys:
            tally.skip(DUPLICATE, path, line)
            return
        self._keys.update([key] if key[1] else [])
        event = _event(fields, self._names, tally, path, line)
        self._dated = self._dated or (path, event.dated)
        if event.dated != self._dated[1]:
            raise Corrupt(
                f"{path}:{line}: time_seconds: expected {'dates' if self._dated[1] else 'positions in a sequence'} as "
                f"in {self._dated[0].name}, got {'a date' if event.dated else 'a position'}; give all times one unit"
            )
        if self._logbook.add(fields["person"], event, path, line):
            tally.kept += len(event.shown)
        else:
            tally.skip("shown with an event left out", path, line, len(event.shown))


def _events_of(folder: Path) -> list[Path]:
    """The files of events, or the one of people in columns."""
    columns = folder / PEOPLE_FILE
    parts = find_parts(folder, *_EVENT_FILES)
    if parts and columns.exists():
        raise Misconfigured(f"{folder}: expected {parts[0].name} or {PEOPLE_FILE}, found 2 of them; keep one")
    return [columns] if columns.exists() else parts or [_one_of(folder, (*_EVENT_FILES, PEOPLE_FILE), None)]


def _one_of(folder: Path, names: Sequence[str], found: Path | None) -> Path:
    if found is None:
        raise Misconfigured(f"{folder}: expected {' or '.join(names)}, found 0 of them; keep one")
    return found


def _in_columns(path: Path, catalogue: Catalogue, tally: LoadCounter) -> People:
    """People as they were written, none of whose events is read now.

    Raises:
        Corrupt: it is another file, or events are about items that the catalogue has not.
    """
    people = People(path)
    unknown = sum(int((batch.has_item & (batch.rows < 0)).sum()) for batch in people.batches(catalogue))
    if unknown:
        raise Corrupt(
            f"{path}: expected events of items of the catalogue, got {unknown} of other items; export both files again"
        )
    tally.read += people.events
    tally.kept += people.events
    return people


def _items(source: Path | Reading, path: Path, tally: LoadCounter) -> Catalogue:
    def lost(line: int, reason: str) -> None:
        tally.read += 1
        tally.skip(reason, path, line)

    items, notes = read_items(source, lost)
    tally.read += len(items)
    tally.kept += len(items)
    for said in notes:
        tally.note(said)
    return Catalogue(items)


def _event(fields: Mapping[str, Any], names: Mapping[str, str], tally: LoadCounter, path: Path, line: int) -> Event:
    """The event of a line, with the known ones of the items shown."""
    item, shown = fields.get("item"), fields.get("shown", [])
    offered = tuple(names[other] for other in shown if other in names)
    tally.read += len(shown)
    tally.skip(UNKNOWN_ITEM, path, line, len(shown) - len(offered))
    return Event(
        time_seconds=fields["time_seconds"],
        kind=fields["kind"],
        item=None if item is None else names.get(item, item),
        text=fields.get("text", ""),
        value=fields.get("value"),
        shown=offered,
        context=tuple(sorted(fields.get("context", {}).items())),
        propensity=fields.get("propensity"),
    )
