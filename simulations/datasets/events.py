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
from shared.records import EVENTS, ITEMS, Reading, read_events, read_items
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import DUPLICATE, UNKNOWN_ITEM, EventCollector
from simulations.datasets.tally import LoadCounter
from simulations.people import PEOPLE_FILE, People

_EVENT_FILES = ("events.jsonl", "events.csv", PEOPLE_FILE)


def load_events(folder: Path) -> Dataset:
    """Load the one items file and the one events file of `folder`.

    Raises:
        Misconfigured: a file is missing, or stands there as .jsonl and as .csv.
        Corrupt: lines are not what these layouts say.
    """
    items_path, events_path = _one_of(folder, ("items.jsonl", "items.csv")), _one_of(folder, _EVENT_FILES)
    tally = LoadCounter()
    catalogue = _items(items_path, items_path, tally)
    files = {"items": items_path, "events": events_path}
    if events_path.name == PEOPLE_FILE:
        people = _in_columns(events_path, catalogue, tally)
    else:
        people = _people(Reading(events_path, EVENTS), events_path, catalogue, tally)
    return Dataset(f"events {folder.name}", catalogue, people, tally.report(), files=files)


def dataset_of_records(name: str, items: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Dataset:
    """A data set of records in memory, with the fields that lines of `items.jsonl` and `events.jsonl` have.

    Raises:
        Corrupt: a record is none; the first twenty are named, by their places counted from 1.
    """
    tally = LoadCounter()
    catalogue = _items(Reading.of_records("items", items, ITEMS), Path("items"), tally)
    people = _people(Reading.of_records("events", events, EVENTS), Path("events"), catalogue, tally)
    return Dataset(name, catalogue, people, tally.report())


def _people(reading: Reading, path: Path, catalogue: Catalogue, tally: LoadCounter) -> People:
    """Everybody's events; `path` names their source in what is reported."""
    names = {item.id: item.id for item in catalogue}  # one string object per item, not one per event
    logbook = EventCollector(catalogue, tally)
    keys: set[tuple[str, str]] = set()
    for line, fields in read_events(reading):
        tally.read += 1
        if fields is None:
            tally.skip("blank line", path, line)
            continue
        if not fields.keys() >= set(EVENTS.needed) or not fields.keys() & {"item", "text"}:
            tally.skip("missing value", path, line)
            continue
        key = (fields["person"], fields.get("key", ""))
        if key[1] and key in keys:
            tally.skip(DUPLICATE, path, line)
            continue
        keys.update([key] if key[1] else [])
        event = _event(fields, names, tally, path, line)
        if logbook.add(fields["person"], event, path, line):
            tally.kept += len(event.shown)
        else:
            tally.skip("shown with an event left out", path, line, len(event.shown))
    people = logbook.people(path)
    for said in reading.notes:
        tally.note(said)
    return people


def _one_of(folder: Path, names: Sequence[str]) -> Path:
    found = [folder / name for name in names if (folder / name).exists()]
    if len(found) != 1:
        raise Misconfigured(f"{folder}: expected {' or '.join(names)}, found {len(found)} of them; keep one")
    return found[0]


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
