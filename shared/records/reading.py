"""Reads one file of records, JSON lines or CSV, and says of all bad lines at once what is wrong with them."""

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from shared.errors import Corrupt, Misconfigured
from shared.records.fields import Wrong
from shared.records.opening import BROKEN_PACKAGE, open_unpacked, plain_name, text_of
from shared.records.tables import FOLDED, Header, Unreadable, table_rows

_MOST_TOLD = 20
_EMPTY: tuple[object, ...] = (None, "", [], {})

Parse = Callable[[Any, "Reading"], Any]


@dataclass(frozen=True)
class RecordLayout:
    """What a file holds.

    Attributes:
        record: one line is one of these: "event", "item".
        fields: what each field may hold, see `shared.records.fields`.
        needed: columns without which a table is none.
        json_only: fields that a table cannot have.
        advice: what to do about some names that are no field's.
    """

    record: str
    fields: Mapping[str, Parse]
    needed: tuple[str, ...]
    json_only: frozenset[str]
    advice: Mapping[str, str]

    def header(self, csv: bool) -> Header:
        """The names that a table, or an object of JSON lines, may have."""
        left_out = self.json_only if csv else frozenset()
        optional = [name for name in self.fields if name not in self.needed and name not in left_out]
        advice = {**dict.fromkeys(left_out, "it stands in JSON lines only"), **self.advice}
        return Header(self.needed, optional, advice)


class Reading:
    """One file being read."""

    def __init__(self, source: Path | str, layout: RecordLayout) -> None:
        """Read from a path (CSV where it ends in .csv, else JSON lines), or JSON lines from standard input for "-".

        The file may be packed with gzip or zip; .csv.gz is CSV.
        """
        self.source = "standard input" if source == "-" else str(source)
        self.csv = Path(plain_name(source)).suffix.lower() == ".csv"
        self._path = None if source == "-" else Path(source)
        self._records: Iterable[Mapping[str, Any]] | None = None
        self._layout, self._header = layout, layout.header(self.csv)
        self._notes: Counter[str] = Counter()
        self._told: list[str] = []
        self._faults = 0

    @classmethod
    def of_records(cls, name: str, records: Iterable[Mapping[str, Any]], layout: RecordLayout) -> "Reading":
        """Records that are in memory, such as the rows of a table: their lines are their places, counted from 1."""
        reading = cls(name, layout)
        reading._records = records
        return reading

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken another way than it stands in the file; complete once all rows were read."""
        name = Path(self.source).name
        return tuple(f"{name}: {said} ({count} times)" if count > 1 else f"{name}: {said}"
                     for said, count in self._notes.items())  # fmt: skip

    def note(self, said: str) -> None:
        """Count something that was taken another way than it stands there."""
        self._notes[said] += 1

    def fault(self, line: int, said: str) -> None:
        """Count a line that is wrong; what it holds is not said."""
        self._faults += 1
        if len(self._told) < _MOST_TOLD:
            self._told.append(f"{Path(self.source).name}:{line}: {said}")

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Line numbers with typed fields, without those that hold nothing; None for a blank line.

        Raises:
            Misconfigured: there is no such file.
            Corrupt: it is empty, binary, a broken package, or neither UTF-8 nor marked as UTF-16; or, after the last
                row, some lines were wrong.
        """
        try:
            for line, found in self._raw():
                if found is None:
                    yield line, None
                elif isinstance(found, str):
                    self.fault(line, found)
                else:
                    typed = self._typed(line, found)
                    if typed is not None:
                        yield line, typed
        except Unreadable as error:
            self.fault(error.line, str(error))
        if self._faults:
            more = self._faults - len(self._told)
            raise Corrupt(
                f"{self.source}: expected one {self._layout.record} a line, {self._faults} "
                f"{'line is' if self._faults == 1 else 'lines are'} none; nothing was kept\n  "
                + "\n  ".join([*self._told, *([f"and {more} more"] if more else [])])
            )

    def _typed(self, line: int, found: Mapping[str, Any]) -> dict[str, Any] | None:
        typed: dict[str, Any] = {}
        wrong = []
        for name, value in found.items():
            if value in _EMPTY:
                continue
            try:
                read = self._layout.fields[name](value, self)
            except Wrong as error:
                wrong.append(f"{name}: {error}")
                continue
            if read not in _EMPTY:
                typed[name] = read
        if wrong:
            self.fault(line, "; ".join(wrong))
            return None
        return typed

    def _raw(self) -> Iterator[tuple[int, dict[str, Any] | str | None]]:
        if self._records is not None:
            for line, found in enumerate(self._records, start=1):
                yield line, self._record(found, line)
            return
        if self.csv:
            notes: list[str] = []
            for line, row in table_rows(self._lines(""), self._header, notes):
                yield line, row
            for said in notes:
                self.note(said)
            return
        for line, text in enumerate(self._lines(None), start=1):
            yield line, self._object(text, line) if text.strip() else None

    def _object(self, text: str, line: int) -> dict[str, Any] | str:
        try:
            found = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            if isinstance(error, _Twice):
                return f"{self._header.unknown(str(error), 'a name').partition(':')[0]}: expected once, got twice"
            found = None
        if isinstance(found, list) or (line == 1 and text.lstrip().startswith("[")):
            return "expected one whole JSON object a line, got a list; write each of its entries on a line of its own"
        if not isinstance(found, dict):
            return "expected one whole JSON object, got something else or a part of one"
        return self._record(found, line)

    def _record(self, found: Mapping[str, Any], line: int) -> dict[str, Any] | str:
        """Its fields under the names of the layout, or what is wrong with a name."""
        record: dict[str, Any] = {}
        for name, value in found.items():
            known = self._header.known(name)
            if known is None:
                return self._header.unknown(name, "a name")
            if known in record:
                return f"{known}: expected once, got twice"
            if known != name:
                self.note(FOLDED)
            record[known] = value
        return record

    def _lines(self, newline: str | None) -> Iterator[str]:
        """Lines with their ends."""
        number = 0
        try:
            with self._opened() as stream:
                text = text_of(self.source, stream, newline)
                try:
                    for line in text:
                        number += 1
                        yield line
                except UnicodeDecodeError:
                    stream.seek(0)
                    place = next((at for at, raw in enumerate(stream, start=1) if not _is_text(raw)), number + 1)
                    raise Corrupt(
                        f"{self.source}:{place}: expected UTF-8 text, got other bytes; save the file as UTF-8"
                    ) from None
        except BROKEN_PACKAGE as error:
            raise Corrupt(f"{self.source}: expected a whole gzip or zip file, got a part of one ({error})") from None
        if not number:
            raise Corrupt(f"{self.source}: expected one {self._layout.record} a line, got an empty file")

    def _opened(self) -> BinaryIO:
        if self._path is None:
            return io.BytesIO(sys.stdin.buffer.read())
        try:
            return open_unpacked(self._path)
        except OSError as error:
            raise Misconfigured(f"{self.source}: expected a readable file ({error.strerror}); check the path") from None


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Twice(ValueError):
    """A name stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return record
