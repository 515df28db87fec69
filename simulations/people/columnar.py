"""People in one Parquet file, read a group of people at a time; never all of them as Python objects.

One row an event, in the columns of `shared.records.EVENTS`, persons one after the other, each oldest event first; a
person who did nothing has one row with nothing but the name. `PEOPLE_AT_ONCE` people make one row group.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from simulations.people.batch import KINDS, PeopleBatch
from simulations.people.person import Person

PEOPLE_FILE = "people.parquet"
PEOPLE_AT_ONCE = 1024
_SCHEMA = pa.schema(
    [
        ("person", pa.string()),
        ("time_seconds", pa.float64()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("item", pa.string()),
        ("text", pa.string()),
        ("value", pa.float64()),
        ("shown", pa.list_(pa.string())),
        ("propensity", pa.float64()),
        ("context", pa.string()),
    ]
)
_REPEATED = ["person", "item", "text", "context"]  # few different ones: read as numbers of a dictionary
_COUNTS = b"hushrec people"  # metadata: {"people": n, "events": m}


def write_people(path: Path, people: Iterable[Person]) -> None:
    """Write people as they come.

    Raises:
        Misconfigured: the file cannot be written, an event has a place of arrival, two people have one id, or a text is
            none that UTF-8 can hold.
    """
    groups = iter(people)
    _write(path, (_table(group) for group in iter(lambda: list(islice(groups, PEOPLE_AT_ONCE)), [])))


def write_repeated(path: Path, people: "People", count: int) -> None:
    """Write these people again and again under other names, until there are so many: to measure what a number costs.

    Raises:
        Misconfigured: as `write_people`.
    """

    def tables() -> Iterator[tuple[pa.Table, int, int]]:
        for number, first in enumerate(range(0, count, PEOPLE_AT_ONCE)):
            table = people.group(number % -(-len(people) // PEOPLE_AT_ONCE))
            batch = PeopleBatch(lambda columns, of=table: of.select(columns), pa.array([]), first)  # type: ignore[misc]
            wanted = min(len(batch), count - first)
            events = int(batch.starts[wanted])
            numbers = pa.array(batch.row_owners)
            kept = int(np.searchsorted(batch.row_owners, wanted))
            names = pa.array([f"person-{first + place}" for place in range(len(batch))]).take(numbers)
            plain = [names, *(table.column(name).cast(_SCHEMA.field(name).type) for name in _SCHEMA.names[1:])]
            yield pa.Table.from_arrays(plain, schema=_SCHEMA).slice(0, kept), wanted, events

    if len(people) % PEOPLE_AT_ONCE:
        raise Misconfigured(f"people: expected whole groups of {PEOPLE_AT_ONCE} to repeat, got {len(people)} people")
    _write(path, tables())


def _write(path: Path, tables: Iterable[tuple[pa.Table, int, int]]) -> None:
    """Write groups, each with how many people and events it holds, in one piece or not at all."""
    partly = path.with_name(f".{path.name}.{os.getpid()}")
    counted = {"people": 0, "events": 0}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(partly, _SCHEMA, compression="zstd") as writer:
            for table, people, events in tables:
                writer.write_table(table, row_group_size=max(len(table), 1))
                counted["people"] += people
                counted["events"] += events
            writer.add_key_value_metadata({_COUNTS: json.dumps(counted)})
        partly.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path}: could not be written ({error.strerror or error}); free space there") from None
    except UnicodeEncodeError as error:
        raise Misconfigured(
            f"people: expected texts and ids of Unicode characters, got half of one ({error.reason}); mend the data"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            partly.unlink(missing_ok=True)


def _table(people: Sequence[Person]) -> tuple[pa.Table, int, int]:
    if len({person.id for person in people}) < len(people):
        raise Misconfigured("people: expected an id of their own for each, got the same one twice; rename one")
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    for person in people:
        for event in person.events or (None,):
            fields = (None,) * 8 if event is None else _fields(event)
            for name, value in zip(columns, (person.id, *fields), strict=True):
                columns[name].append(value)
    arrays = [pa.array(columns[field.name], field.type) for field in _SCHEMA if field.name != "kind"]
    codes = pa.array([None if kind is None else KINDS.index(kind) for kind in columns["kind"]], pa.int8())
    arrays.insert(2, pa.DictionaryArray.from_arrays(codes, pa.array(KINDS)))
    return pa.Table.from_arrays(arrays, schema=_SCHEMA), len(people), sum(len(person.events) for person in people)


def _fields(event: Event) -> tuple[Any, ...]:
    if event.arrival is not None:
        raise Misconfigured(
            "event: expected none with a place of arrival, which only a device's own store gives, got "
            f"{event.arrival}; leave it out: simulated people's events come in the order of their times"
        )
    context = json.dumps(event.context, ensure_ascii=False) if event.context else None
    shown = list(event.shown) or None
    return (
        event.time_seconds, event.kind.value, event.item, event.text or None, event.value, shown, event.propensity,
        context,
    )  # fmt: skip


class People(Sequence[Person]):
    """n people in a file that stays where it is. Its repr shows no person.

    Attributes:
        path: of the file.
        events: how many events all have together.
    """

    def __init__(self, path: Path) -> None:
        """Open what `write_people` wrote.

        Raises:
            Corrupt: it is missing, or something else.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            self._file = pq.ParquetFile(path, read_dictionary=_REPEATED)
            counted = json.loads((self._file.metadata.metadata or {})[_COUNTS])
            self._people, self.events = int(counted["people"]), int(counted["events"])
            known = self._file.schema_arrow.names == _SCHEMA.names
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
            raise Corrupt(
                f"{path}: expected people as `hushrec-simulate export` writes them, could not be read "
                f"({type(error).__name__}); write it again"
            ) from None
        groups = self._file.num_row_groups
        if not known or groups != -(-self._people // PEOPLE_AT_ONCE):
            raise Corrupt(f"{path}: expected groups of {PEOPLE_AT_ONCE} people, got others; write it again")
        self._group = lru_cache(maxsize=4)(self._read_group)

    @classmethod
    def of(cls, people: Iterable[Person]) -> "People":
        """These people, in a file of their own that is removed with the object."""
        if isinstance(people, People):
            return people
        folder = tempfile.mkdtemp(prefix="hushrec-people-")
        try:
            write_people(Path(folder) / PEOPLE_FILE, people)
            opened = cls(Path(folder) / PEOPLE_FILE)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(opened, shutil.rmtree, folder, ignore_errors=True)
        return opened

    def __repr__(self) -> str:
        return f"People({len(self)}, {self.events} events)"

    def __len__(self) -> int:
        return self._people

    @overload
    def __getitem__(self, place: int) -> Person: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Person, ...]: ...
    def __getitem__(self, place: int | slice) -> Person | tuple[Person, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = range(len(self))[place]
        return self._group(at // PEOPLE_AT_ONCE).person(at % PEOPLE_AT_ONCE)

    def __iter__(self) -> Iterator[Person]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def latest_seconds(self) -> float:
        """Time of the newest event of all; minus infinity without any."""
        groups = range(self._file.num_row_groups)
        times = (pc.max(self._read(group, ["time_seconds"]).column(0)).as_py() for group in groups)
        return max((time for time in times if time is not None), default=-np.inf)

    def batches(self, catalogue: Catalogue | None = None) -> Iterator[PeopleBatch]:
        """All people, group by group, as columns in which items are rows of a catalogue, where one is given."""
        ids = pa.array([item.id for item in catalogue or ()], pa.string())
        for group in range(self._file.num_row_groups):
            yield PeopleBatch(partial(self._read, group), ids, group * PEOPLE_AT_ONCE)

    def lengths(self) -> NDArray[np.int64]:
        """How many events each has, int64 [n]."""
        return np.concatenate([np.zeros(0, np.int64), *(np.diff(batch.starts) for batch in self.batches())])

    def own_texts(self) -> dict[str, int]:
        """Each different text of people's own that shows interest, with its number in order of appearance."""
        numbers: dict[str, int] = {}
        for batch in self.batches():
            told = batch.texts.numbers[batch.positive]
            places, firsts = np.unique(told[told >= 0], return_index=True)
            for place in places[np.argsort(firsts)].tolist():
                numbers.setdefault(batch.texts.texts[place], len(numbers))
        return numbers

    def copy_to(self, path: Path) -> None:
        """Write the same people to another file; without a second copy on disk where the file system can share one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        try:
            os.link(self.path, path)
        except OSError:
            shutil.copyfile(self.path, path)

    def group(self, number: int) -> pa.Table:
        """The rows of one group of people."""
        return self._read(number, None)

    def digest(self) -> str:
        """SHA-256 in hexadecimal, equal for equal people, whoever wrote them."""
        digest = hashlib.sha256()
        for group in range(self._file.num_row_groups):
            table = self._read(group, None)
            for name in _SCHEMA.names:
                column = table.column(name).combine_chunks()
                if isinstance(column, pa.DictionaryArray):
                    column = column.dictionary_decode()
                digest.update(json.dumps([name, len(column)]).encode())
                digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
                if name == "shown":
                    digest.update(np.asarray(column.value_lengths().fill_null(0)).tobytes())
                    column = column.flatten()
                if pa.types.is_floating(column.type):
                    digest.update(np.asarray(column.fill_null(0.0)).tobytes())
                    continue
                numbered = column.fill_null("").dictionary_encode()
                digest.update(np.asarray(numbered.indices).tobytes())
                digest.update(json.dumps(numbered.dictionary.to_pylist()).encode())
        return digest.hexdigest()

    def _read(self, group: int, columns: Sequence[str] | None) -> pa.Table:
        with self._lock:  # of one reader, threads may not read at a time
            return self._file.read_row_group(group, columns=columns, use_threads=False).unify_dictionaries()

    def _read_group(self, group: int) -> "_Group":
        return _Group(self._read(group, None))


class _Group:
    """The people of one row group as Python values, made when one of them is asked for."""

    def __init__(self, table: pa.Table) -> None:
        batch = PeopleBatch(lambda columns: table if columns is None else table.select(columns), pa.array([]), 0)
        self._ids, self._starts = batch.ids, batch.starts.tolist()
        self._columns = batch.events_only(table).drop_columns(["person"])

    def person(self, place: int) -> Person:
        begin, end = self._starts[place], self._starts[place + 1]
        columns = [column.to_pylist() for column in self._columns.slice(begin, end - begin).itercolumns()]
        return Person(self._ids[place], tuple(map(_event, *columns)))


def _event(
    time_seconds: float,
    kind: str,
    item: str | None,
    text: str | None,
    value: float | None,
    shown: list[str] | None,
    propensity: float | None,
    context: str | None,
) -> Event:
    pairs = () if context is None else tuple((name, word) for name, word in json.loads(context))
    return Event(time_seconds, EventKind(kind), item, text or "", value, tuple(shown or ()), pairs, propensity)
