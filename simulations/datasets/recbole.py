"""Reads and writes RecBole's atomic files: NAME.inter, NAME.item and, for the writer, NAME.user.

Tables with tabs between columns, whose header names each column and its type: `user_id:token`, `title:token_seq`,
`timestamp:float`. See https://recbole.io/docs/user_guide/data/atomic_files.html.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.behaviour import TURNED_AWAY, UNDATED_FROM_SECONDS, Event, EventKind
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import EventCollector, unique_items
from simulations.datasets.rows import finite, lines
from simulations.datasets.tally import LoadCounter

_TYPES = ("token", "token_seq", "float", "float_seq")
_TITLE = re.compile(r"title|name")
_CATEGORIES = re.compile(r"categor(y|ies)|class|genres?")
_QUOTED = re.compile(r"'([^']*)'")
_READ = ("user_id", "item_id", "timestamp", "rating", "label", "kind")


@dataclass(frozen=True, slots=True)
class _Table:
    """One atomic file: its columns by name, with their types."""

    path: Path
    columns: Mapping[str, str]

    @classmethod
    def of(cls, path: Path, needed: tuple[str, ...]) -> "_Table":
        """Read the header.

        Raises:
            Corrupt: it is none of atomic files, or lacks a column that is needed.
        """
        _, header = next(lines(path))
        columns: dict[str, str] = {}
        for cell in header.split("\t"):
            name, _, kind = cell.strip().partition(":")
            if not name or kind not in _TYPES or name in columns:
                raise Corrupt(
                    f"{path}:1: expected columns as name:type with types {', '.join(_TYPES)}, each name once, parted "
                    f"by tabs, got {cell.strip()[:40]!r}; RecBole's atomic files begin with such a header"
                )
            columns[name] = kind
        if missing := [name for name in needed if columns.get(name) != "token"]:
            there = ", ".join(f"{name}:{kind}" for name, kind in columns.items())
            raise Corrupt(f"{path}:1: expected a column {missing[0]}:token, got {there}")
        return cls(path, columns)

    def rows(self, tally: LoadCounter) -> Iterator[tuple[int, dict[str, str]]]:
        """Line numbers and the cells by column, without those that are empty. Every row is counted as read.

        Raises:
            Corrupt: a row has another number of cells.
        """
        for number, line in lines(self.path):
            if number == 1:
                continue
            tally.read += 1
            if not line.strip():
                tally.skip("blank line", self.path, number)
                continue
            cells = line.split("\t")
            if len(cells) != len(self.columns):
                raise Corrupt(
                    f"{self.path}:{number}: expected {len(self.columns)} cells separated by tabs, got {len(cells)}; "
                    "the line is cut short or a text in it holds a tab"
                )
            yield number, {name: cell.strip() for name, cell in zip(self.columns, cells, strict=True) if cell.strip()}


def load_recbole(folder: Path) -> Dataset:
    """Load the one `.inter` and the one `.item` file of `folder`; no `.user` file, as devices know their people.

    Raises:
        Misconfigured: one of the files is missing, or stands there twice.
        Corrupt: a file is not what its name claims, or no column of the items holds texts.
    """
    interactions = _Table.of(_one(folder, ".inter"), ("user_id", "item_id"))
    described = _Table.of(_one(folder, ".item"), ("item_id",))
    tally = LoadCounter()
    catalogue = _catalogue(described, tally)
    names = {item.id: item.id for item in catalogue}  # one string object per item, not one per interaction
    logbook = EventCollector(catalogue, tally)
    if unread := [name for name in interactions.columns if name not in _READ]:
        tally.note(f"{interactions.path.name}: columns that are not read: {', '.join(unread)}")
    dated = "timestamp" in interactions.columns
    met: dict[str, int] = {}
    for line, cells in interactions.rows(tally):
        person, item = cells.get("user_id"), cells.get("item_id")
        if person is None or item is None or (dated and "timestamp" not in cells):
            tally.skip("missing value", interactions.path, line)
            continue
        met[person] = met.get(person, -1) + 1
        time = _seconds(cells["timestamp"], interactions.path, line) if dated else float(met[person])
        logbook.add(
            person, _event(cells, time, names.get(item, item), interactions.path, line), interactions.path, line
        )
    people = logbook.people(interactions.path)
    files = {"items": described.path, "events": interactions.path}
    return Dataset(f"recbole {folder.name}", catalogue, people, tally.report(), files=files)


def _one(folder: Path, suffix: str) -> Path:
    found = sorted(path for path in folder.glob(f"*{suffix}") if path.is_file())
    if len(found) != 1:
        raise Misconfigured(
            f"{folder}: expected one file NAME{suffix} of RecBole's atomic files, found {len(found)}"
            f"{': ' + ', '.join(path.name for path in found) if found else ''}; items are ranked by their texts, and "
            "splits of one's own are not read"
        )
    return found[0]


def _catalogue(table: _Table, tally: LoadCounter) -> Catalogue:
    """Items by their texts: `title`, or the first column of words; `text`, or all columns of words together."""
    words = [name for name, kind in table.columns.items() if kind == "token_seq"]
    titles = [name for name in table.columns if name != "item_id" and _TITLE.search(name)] or words
    if not titles:
        raise Corrupt(
            f"{table.path}:1: expected a column with a title or other texts, such as title:token_seq, got "
            f"{', '.join(table.columns)}; items are ranked by their texts"
        )
    title_column = "title" if "title" in titles else titles[0]
    kinds = [name for name in table.columns if _CATEGORIES.fullmatch(name)]
    items = []
    for line, cells in table.rows(tally):
        if "item_id" not in cells or title_column not in cells:
            tally.skip("item without id or title", table.path, line)
            continue
        title = cells[title_column]
        told = [title, *(cells[name] for name in words if name != title_column and name in cells)]
        categories = tuple(part for name in kinds for part in _parts(cells.get(name, "")))
        items.append((line, Item(cells["item_id"], title, cells.get("text", ". ".join(told)), categories)))
        tally.kept += 1
    return unique_items(items, table.path)


def _parts(cell: str) -> list[str]:
    """The entries of a sequence: in quotes where they hold blanks, else what blanks part."""
    return [part.strip() for part in _QUOTED.findall(cell) if part.strip()] or cell.split()


def _seconds(text: str, path: Path, line: int) -> float:
    time = finite(text, path, line, "timestamp")
    if not 0 <= time < UNDATED_FROM_SECONDS:
        got = "a number below zero" if time < 0 else "one as large as milliseconds; divide by 1,000"
        raise Corrupt(f"{path}:{line}: expected timestamp in seconds since 1970, got {got}")
    return time


def _event(cells: Mapping[str, str], time: float, item: str, path: Path, line: int) -> Event:
    """What an interaction was: its `kind` if it tells one, a rating if it has one, else a click; label 0 is a skip."""
    value = finite(cells["rating"], path, line, "rating") if "rating" in cells else None
    kind = EventKind.CLICK if value is None else EventKind.RATING
    if "kind" in cells:
        try:
            kind = EventKind(cells["kind"])
        except ValueError:
            raise Corrupt(f"{path}:{line}: expected kind to be one of {', '.join(EventKind)}, got another") from None
    elif "label" in cells and finite(cells["label"], path, line, "label") <= 0:
        kind = EventKind.SKIP
    return Event(time, kind, item, value=value)


def recbole_files(dataset: Dataset, order: list[int], name: str) -> tuple[dict[str, bytes], dict[str, int]]:
    """A data set as atomic files, and what they leave out.

    Without an item there is no interaction, and what was shown, the words of a person and circumstances have no place
    in them. `rating` is written where every interaction has one, as RecBole would fill in what is missing; `label` (0
    for what was turned away) where there is any to tell apart, as it takes every interaction for a choice.

    Args:
        dataset: that is written.
        order: places of the people that are.
        name: of the files, `NAME.inter` and so on; RecBole wants their folder to be called the same.

    Returns:
        Contents by file name, and {"items", "people", "events", "events_left_out"}.
    """
    people = [dataset.people[place] for place in order]
    events = [(person.id, event) for person in people for event in person.events if event.item is not None]
    every = sum(len(person.events) for person in people)
    rated = bool(events) and all(event.value is not None for _, event in events)
    away = any(event.kind in TURNED_AWAY for _, event in events)
    header = ["user_id:token", "item_id:token", "timestamp:float", "kind:token"]
    rows = [
        [_cell(person), _cell(str(event.item)), repr(event.time_seconds), event.kind.value]
        + ([repr(event.value)] if rated else [])
        + ([str(float(event.kind not in TURNED_AWAY))] if away else [])
        for person, event in events
    ]
    header += ["rating:float"] * rated + ["label:float"] * away
    items = [
        [_cell(item.id), _cell(item.title), _cell(item.text), _quoted(item.categories)] for item in dataset.catalogue
    ]
    files = {
        f"{name}.inter": _table(header, rows),
        f"{name}.item": _table(["item_id:token", "title:token_seq", "text:token_seq", "categories:token_seq"], items),
        f"{name}.user": _table(["user_id:token"], [[_cell(person.id)] for person in people]),
    }
    counts = {"items": len(items), "people": len(people), "events": len(events)}
    return files, {**counts, "events_left_out": every - len(events)}


def _cell(text: str) -> str:
    """A text without tabs and line ends, which part cells and rows."""
    return " ".join(text.split())


def _quoted(names: tuple[str, ...]) -> str:
    plain = [_cell(name).replace("'", "’") for name in names]
    return " ".join(plain) if all(" " not in name for name in plain) else ", ".join(f"'{name}'" for name in plain)


def _table(header: list[str], rows: list[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in [header, *rows]).encode()
