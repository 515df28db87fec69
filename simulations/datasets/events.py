"""Reads our own layout, for anybody's data: `items.jsonl`, and `events.jsonl` or `events.csv`. It never guesses.

`items.jsonl`, one JSON object a line:
    id          text, unique
    title       text
    text        what the encoder reads; optional, the title stands in
    categories  list of texts, broad to narrow; optional

`events.jsonl`, one JSON object a line; `events.csv` has the same names as columns, lists separated by spaces:
    person        text
    time_seconds  number; seconds since 1970-01-01 UTC, or any increasing number
    kind          view, click, search, review, purchase, rating, skip or dismissal
    item          id of an item; optional where there is a text
    text          the person's own words; optional
    value         number; optional
    shown         list of ids offered with the item and not taken; optional
    propensity    chance with which the recommender showed the item, above 0 up to 1; optional
    context       object of words, such as {"hour": "08"}; optional, events.jsonl only

An unknown name is an error. An empty or absent value that is needed makes the row a reported loss.
"""

from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import UNKNOWN_ITEM, Logbook, unique_items
from simulations.datasets.rows import csv_records, finite, objects
from simulations.datasets.tally import Tally

_ITEM_NAMES = {"id", "title", "text", "categories"}
_NEEDED = ("person", "time_seconds", "kind")
_OPTIONAL = ("item", "text", "value", "shown", "propensity")


def load_events(folder: Path) -> Dataset:
    """Load `items.jsonl` and the one events file of `folder`.

    Raises:
        Misconfigured: a file is missing, or there are two events files.
        Corrupt: a line is not what this layout says.
    """
    sources = [folder / name for name in ("events.jsonl", "events.csv") if (folder / name).exists()]
    if len(sources) != 1:
        raise Misconfigured(f"{folder}: expected events.jsonl or events.csv, found {len(sources)} of them")
    tally = Tally()
    catalogue = _items(folder / "items.jsonl", tally)
    known = {item.id for item in catalogue}
    logbook = Logbook(catalogue, tally)
    for line, record in _records(sources[0], tally):
        event = _event(record, known, tally, sources[0], line)
        if event is None:
            tally.lose("missing value", sources[0], line)
        elif logbook.add(record["person"], event, sources[0], line):
            tally.kept += len(event.shown)
        else:
            tally.lose("shown with an event left out", sources[0], line, len(event.shown))
    return Dataset(f"events {folder.name}", catalogue, logbook.people(sources[0]), tally.report())


def _items(path: Path, tally: Tally) -> Catalogue:
    items = []
    for line, record in objects(path, tally):
        _refuse_unknown(record, _ITEM_NAMES, path, line)
        item, title, categories = record.get("id"), record.get("title"), record.get("categories") or []
        text = record.get("text") or title
        if not item or not title or not str(text).strip():
            tally.lose("item without id, title or text", path, line)
            continue
        if not _texts([item, title, text]) or not _texts(categories):
            raise Corrupt(f"{path}:{line}: expected texts for id, title, text and in the list categories")
        items.append((line, Item(item, title, str(text), tuple(categories))))
        tally.kept += 1
    return unique_items(items, path)


def _records(path: Path, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix == ".csv":
        for line, fields in csv_records(path, tally, required=_NEEDED, optional=_OPTIONAL):
            yield line, {**fields, "shown": fields.get("shown", "").split()}
        return
    for line, record in objects(path, tally):
        _refuse_unknown(record, {*_NEEDED, *_OPTIONAL, "context"}, path, line)
        yield line, record


def _event(record: Mapping[str, Any], known: Set[str], tally: Tally, path: Path, line: int) -> Event | None:
    """The event of a record with the known ones of the items shown; None where a needed value is missing."""
    item, text = record.get("item") or None, record.get("text") or ""
    if any(record.get(name) in (None, "") for name in _NEEDED) or not (item or text):
        return None
    shown, context = record.get("shown") or [], record.get("context") or {}
    if not _texts([record["person"], item or "", text]) or not _texts(shown):
        raise Corrupt(f"{path}:{line}: expected texts for person, item, text and in the list shown")
    if not isinstance(context, dict) or not _texts([*context, *context.values()]):
        raise Corrupt(f"{path}:{line}: expected context to be an object of words")
    try:
        kind = EventKind(record["kind"])
    except ValueError:
        raise Corrupt(f"{path}:{line}: expected kind to be one of {', '.join(EventKind)}, got another") from None
    value, propensity = record.get("value"), record.get("propensity")
    offered = tuple(other for other in shown if other in known)
    tally.read += len(shown)
    tally.lose(UNKNOWN_ITEM, path, line, len(shown) - len(offered))
    return Event(
        time_seconds=finite(record["time_seconds"], path, line, "time_seconds"),
        kind=kind,
        item=item,
        text=text,
        value=None if value in (None, "") else finite(value, path, line, "value"),
        shown=offered,
        context=tuple(sorted(context.items())),
        propensity=None if propensity in (None, "") else finite(propensity, path, line, "propensity"),
    )


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _refuse_unknown(record: Mapping[str, Any], known: Set[str], path: Path, line: int) -> None:
    unknown = sorted(set(record) - known)
    if unknown:
        raise Corrupt(f"{path}:{line}: expected only {', '.join(sorted(known))}, got {len(unknown)} other names")
