"""Reads the layouts of `PUBLISHED_LAYOUTS`, each by its recipe: no layout has code of its own here.

Events are read twice: for the items that they are about, and for themselves. An item that nobody met is left out of the
catalogue and counted, as most of these publish millions of them.
"""

import ast
import html
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from shared.behaviour import UNDATED_FROM_SECONDS, Event
from shared.catalogue import Item
from shared.errors import Corrupt, Misconfigured
from shared.records import identity, plain_name
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import EventCollector, unique_items
from simulations.datasets.published_layouts import PUBLISHED_LAYOUTS, EventFiles, ItemFiles, TimeForm
from simulations.datasets.rows import finite, lines, objects, read_table, with_names
from simulations.datasets.tally import LoadCounter

_GOODREADS = "%a %b %d %H:%M:%S %z %Y"  # Fri Apr 21 08:36:52 -0700 2017
_WORDS_DESCRIBED = 60
_SAID = {
    "seconds": "seconds since 1970",
    "milliseconds": "milliseconds since 1970",
    "moment": "a moment such as 2009-04-08T01:57:47Z, or a day such as 2017-12-17",
    "goodreads": "a moment such as Fri Apr 21 08:36:52 -0700 2017",
}


def load_published(kind: str, folder: Path) -> Dataset:
    """Load a folder in the layout that `PUBLISHED_LAYOUTS` has under `kind`.

    Raises:
        Misconfigured: its files are not there.
        Corrupt: a file is not what its name claims; says file, line, field, what was expected and what came.
    """
    layout = PUBLISHED_LAYOUTS[kind]
    paths = _named(folder, layout.events.names, layout.title)
    tally = LoadCounter()
    met = _items_met(paths, layout.events)
    if layout.items is None:
        found = [(0, Item(name, title, f"{title}.")) for name, title in met.items()]
        source = paths[0]
    else:
        sources = _named(folder, layout.items.names, layout.title)
        found, source = list(_items(sources, layout.items, met, tally)), sources[0]
    if not found:
        raise Corrupt(
            f"{source}: expected events of items of the catalogue, got none; are both files of the same data set?"
        )
    catalogue = unique_items(found, source)
    logbook = EventCollector(catalogue, tally)
    zoneless = 0
    for path in paths:
        for line, row in _rows(path, layout.events, tally):
            zoneless += _take(path, line, row, layout.events, logbook, tally)
    if zoneless:
        tally.note(f"{layout.events.time} tells no zone and is taken as UTC ({zoneless} times)")
    people = logbook.people(paths[0])
    return Dataset(
        f"{kind} {folder.name}", catalogue, people, tally.report(), files={"items": source, "events": paths[0]}
    )


def _named(folder: Path, patterns: tuple[str, ...], title: str) -> list[Path]:
    """The files that a recipe names, in order."""
    found = sorted(
        path for path in folder.iterdir() if any(fnmatchcase(plain_name(path), pattern) for pattern in patterns)
    )
    if not found:
        raise Misconfigured(f"{folder}: expected {' or '.join(patterns)}, found none; the layout is {title}")
    twice = {plain_name(path) for path in found if sum(plain_name(path) == plain_name(one) for one in found) > 1}
    if twice:
        raise Misconfigured(f"{folder}: expected {', '.join(sorted(twice))} plain or packed, found both; keep one")
    return found


def _rows(path: Path, files: EventFiles | ItemFiles, tally: LoadCounter) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows as objects, whatever form they have; each is counted as read."""
    if files.form == "objects":
        yield from objects(path, tally, files.names_read)
    elif files.form == "literals":
        yield from _literals(path, tally, files.names_read)
    elif isinstance(files, EventFiles):
        for line, cells in read_table(path, tally, separator="\t", columns=len(files.columns)):
            yield line, dict(zip(files.columns, cells, strict=True))


def _literals(path: Path, tally: LoadCounter, names: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects as Python prints them, one a line: {u'id': u'761140'}. Nothing of them is run."""
    for line, text in lines(path):
        tally.read += 1
        if not text.strip():
            tally.skip("blank line", path, line)
            continue
        try:
            record = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise Corrupt(
                f"{path}:{line}: expected one whole object as Python prints it, got something else or a cut line; "
                "fetch the file again"
            )
        yield line, with_names(record, names)


def _items_met(paths: list[Path], files: EventFiles) -> dict[str, str]:
    """The items of all events, in the order they come up, each with its title if the events name it."""
    unread = LoadCounter()
    met: dict[str, str] = {}
    for path in paths:
        for _, row in _rows(path, files, unread):
            if name := _item_of(row, files):
                met.setdefault(name, ", ".join(_words(row.get(column)) for column in files.item_titles))
    return met


def _item_of(row: Mapping[str, Any], files: EventFiles) -> str:
    """The id of a row's item; of an item without one that has names, these."""
    name = identity(_words(row.get(files.item)))
    if name or not files.item_titles:
        return name
    named = [identity(_words(row.get(column))) for column in files.item_titles]
    return " / ".join(named) if all(named) else ""


def _items(
    paths: list[Path], files: ItemFiles, met: Mapping[str, str], tally: LoadCounter
) -> Iterator[tuple[int, Item]]:
    taken = set()
    for path in paths:
        for line, row in _rows(path, files, tally):
            name = identity(_words(row.get(files.item)))
            title = next((words for column in files.titles if (words := _words(row.get(column)))), "")
            if not name or not title:
                tally.skip("item without id or title", path, line)
            elif name not in met:
                tally.skip("item that nobody met", path, line)
            elif name in taken:
                tally.skip("item stands twice", path, line)
            else:
                taken.add(name)
                tally.kept += 1
                categories = _labels(row.get(files.categories))
                described = " ".join(_words(row.get(column)) for column in files.text).split()[:_WORDS_DESCRIBED]
                parts = (title, ", ".join(categories), " ".join(described))
                text = " ".join(f"{part.rstrip('.')}." for part in parts if part)
                yield line, Item(name, title, text, categories)


def _take(
    path: Path, line: int, row: Mapping[str, Any], files: EventFiles, logbook: EventCollector, tally: LoadCounter
) -> bool:
    """Keep or report one event; whether its time told no zone."""
    person, item, time = _words(row.get(files.person)), _item_of(row, files), row.get(files.time)
    if not person or not item or time in (None, ""):
        tally.skip(f"event without {files.person}, {files.item} or {files.time}", path, line)
        return False
    seconds, zoneless = _seconds(time, files.time_form, path, line, files.time)
    rated = row.get(files.value) if files.value else None
    value = None if rated in (None, "") else finite(rated, path, line, files.value)
    text = ". ".join(words for column in files.text if (words := _words(row.get(column))))
    logbook.add(person, Event(seconds, files.kind, item, text, value or None), path, line)
    return zoneless


def _seconds(time: Any, form: TimeForm, path: Path, line: int, name: str) -> tuple[float, bool]:
    """A time of a recipe's form as seconds since 1970 UTC, and whether its zone was not told."""
    moment = None
    try:
        if form in ("moment", "goodreads") and isinstance(time, str):
            moment = (
                datetime.strptime(time, _GOODREADS) if form == "goodreads" else datetime.fromisoformat(time.strip())
            )
            zoneless = moment.tzinfo is None
            return (moment.replace(tzinfo=UTC) if zoneless else moment).timestamp(), zoneless
        if form in ("seconds", "milliseconds") and not isinstance(time, bool):
            seconds = float(time) / (1000.0 if form == "milliseconds" else 1.0)
            if math.isfinite(seconds) and 0 <= seconds < UNDATED_FROM_SECONDS:
                return seconds, False
    except (ValueError, TypeError, OverflowError):
        pass
    raise Corrupt(
        f"{path}:{line}: {name}: expected {_SAID[form]}, got something else; is the file of this layout and whole?"
    )


def _labels(found: Any) -> tuple[str, ...]:
    """A list of categories, or a text of them between commas."""
    told = found.split(",") if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(label for one in told if (label := _words(one)))


def _words(found: Any) -> str:
    """The texts in a text or a list of texts; of a number its digits."""
    if isinstance(found, list):
        return " ".join(part for part in map(_words, found) if part)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(int(found)) if found == int(found) else str(found)
    return html.unescape(found).strip() if isinstance(found, str) else ""
