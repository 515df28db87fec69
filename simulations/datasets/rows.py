"""Reads lines and tables from files in any form, and says file and line when one is not what it claims to be.

How a file was saved (packed, UTF-8 or UTF-16, line ends) is `shared.records`' to find out. Tables with a header are
read by the names of their columns, in any order and letters, those without one by place; both with any usual separator.
"""

import codecs
import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.records import (
    BROKEN_PACKAGE,
    Header,
    Unreadable,
    Wrong,
    find_file,
    folded_name,
    open_unpacked,
    separator_of,
    table_rows,
    text_of,
    time,
)
from simulations.datasets.tally import LoadCounter

_BYTES_CHECKED = 65536
_LONGEST_PLAIN = 12  # digits of a time; as many are milliseconds
_SEPARATORS = ("\t", "::", ",", ";", "|")


def named_file(folder: Path, name: str) -> Path:
    """The file of that name, plain or packed; where there is none, its path, which whoever reads it will miss."""
    return find_file(folder, name) or folder / name


def encoding_of(path: Path) -> str:
    """UTF-8 where the whole file is UTF-8, else latin-1, which any file is: releases of one layout differ in it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_unpacked(path) as stream:
            while block := stream.read(_BYTES_CHECKED):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    except (OSError, *BROKEN_PACKAGE):
        return "utf-8-sig"  # whoever reads it will say what is wrong
    return "utf-8-sig"


def lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their ends.

    Raises:
        Misconfigured: there is no such file.
        Corrupt: the file is empty, binary, a broken gzip or zip, or not in `encoding`.
    """
    if not path.is_file():
        raise Misconfigured(f"{path}: expected a file, found none; check the directory of the data set")
    number = 0
    try:
        with open_unpacked(path) as stream:
            for number, line in enumerate(text_of(path, stream, encoding=encoding), start=1):
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise Corrupt(
            f"{path}: expected {encoding.removesuffix('-sig')} text after line {number}, got other bytes"
        ) from None
    except BROKEN_PACKAGE as error:
        raise Corrupt(
            f"{path}: expected a whole gzip file or zip, it breaks off after line {number} ({error})"
        ) from None
    if number == 0:
        raise Corrupt(f"{path}: expected rows, got an empty file; fetch the file again")


def read_table(
    path: Path, tally: LoadCounter, *, separator: str, columns: int, encoding: str = "utf-8-sig", header: str = ""
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the `columns` fields of each row; the last field keeps any further separators.

    Every row is counted as read; blank lines are reported to `tally` here, all others are the caller's to keep or
    report. A table with a header is read by the names of its columns; one without may have another separator, if its
    first line has the right number of fields under that one alone, and its fields may all be in quotation marks.

    Args:
        path: of the file.
        tally: counts.
        separator: as published.
        columns: how many.
        encoding: of the file.
        header: the first line as published; empty where there is none.

    Raises:
        Corrupt: a column of `header` is missing, or a row has too few fields.
    """
    rows = lines(path, encoding)
    first = next(((number, line) for number, line in rows if line.strip()), None)
    if first is None:
        return
    names = header.split(separator) if header else []
    found = _named_separator(first[1], separator, names) if header else _separator(first[1], separator, columns)
    if found != separator:
        tally.note(f"{path.name}: fields are separated by {found!r} and not by {separator!r}")
    csv_quotes = found != separator or _all_quoted(first[1], found, columns)
    places, width = list(range(columns)), columns
    if header:
        cells = _cells(first[1], found, -1, csv_quotes)
        try:
            read, notes = Header(names, open=True).read(cells, first[0])
        except Unreadable as error:
            raise Corrupt(f"{path}:{error.line}: expected the header {header!r}; {error}") from None
        for said in notes:
            tally.note(f"{path.name}: {said}")
        places, width = [read.index(name) for name in names], len(cells)
    for number, line in _filled(None if header else first, rows, path, tally):
        fields = _cells(line, found, width - 1, csv_quotes)
        if len(fields) != width:
            raise Corrupt(
                f"{path}:{number}: expected {width} fields separated by {found!r}, got {len(fields)}; "
                "the line is cut short or the file is of another layout"
            )
        yield number, [fields[place] for place in places]


def _filled(
    first: tuple[int, str] | None, rest: Iterable[tuple[int, str]], path: Path, tally: LoadCounter
) -> Iterator[tuple[int, str]]:
    """Rows that are not blank; all are counted, blank ones reported, but for those above the first."""
    if first is not None:
        tally.read += 1
        yield first
    for number, line in rest:
        tally.read += 1
        if line.strip():
            yield number, line
        else:
            tally.skip("blank line", path, number)


def _separator(line: str, published: str, columns: int) -> str:
    """The separator of a table without a header: as published, unless one other alone fits its first line."""
    if line.count(published) >= columns - 1:
        return published
    fitting = [one for one in _SEPARATORS if one != published and line.count(one) == columns - 1]
    return fitting[0] if len(fitting) == 1 else published


def _named_separator(line: str, published: str, names: Sequence[str]) -> str:
    """The separator of a table with a header: as published where all names stand between those."""
    cells = {folded_name(cell.strip().strip('"')) for cell in line.split(published)}
    return published if all(folded_name(name) in cells for name in names) else separator_of(line, names)


def _all_quoted(line: str, separator: str, columns: int) -> bool:
    fields = line.split(separator)
    return len(fields) >= columns and all(field[:1] == field[-1:] == '"' and len(field) > 1 for field in fields)


def _cells(line: str, separator: str, most: int, csv_quotes: bool) -> list[str]:
    """The fields of a line; where quotation marks are none of a table's, the last field keeps further separators."""
    if not csv_quotes:
        return line.split(separator, most)
    if len(separator) == 1:
        return [field.strip() for field in next(csv.reader([line], delimiter=separator))]
    return [field.strip().removeprefix('"').removesuffix('"').replace('""', '"') for field in line.split(separator)]


def csv_records(
    path: Path,
    tally: LoadCounter,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    encoding: str = "utf-8-sig",
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and fields by column name of a file with a header and CSV quoting, whatever its separator.

    An empty field is an empty text, a column of another name is passed over and noted. Counts and reports as
    `read_table`.

    Raises:
        Corrupt: a required column is missing, a row has another number of fields, or a quotation mark is never closed.
    """
    header = Header(required, optional, open=True)
    notes: list[str] = []
    try:
        for number, row in table_rows((f"{text}\n" for _, text in lines(path, encoding)), header, notes):
            tally.read += 1
            if row is None:
                tally.skip("blank line", path, number)
            elif isinstance(row, str):
                raise Corrupt(f"{path}:{number}: {row}")
            else:
                yield number, {name: row.get(name, "") for name in header.names}
    except Unreadable as error:
        raise Corrupt(f"{path}:{error.line}: {error}") from None
    for said in notes:
        tally.note(f"{path.name}: {said}")


def objects(path: Path, tally: LoadCounter, names: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and the JSON object on each line; counts and reports as `read_table` does.

    Its `names` are found in whatever letters they are written in.

    Raises:
        Corrupt: a line is not a whole JSON object.
    """
    for number, line in lines(path):
        tally.read += 1
        if not line.strip():
            tally.skip("blank line", path, number)
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise Corrupt(f"{path}:{number}: expected one whole JSON object, got something else or a cut line")
        yield number, with_names(record, names)


def with_names(record: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The record, its names written as in `names` where they differ by capitals and blanks alone.

    A record that has the first of them as it stands is taken to have them all so.
    """
    if not names or names[0] in record:
        return record
    known = Header(names)
    return {known.known(name) or name: value for name, value in record.items()}


def event_time(text: object, path: Path, line: int, what: str) -> float:
    """A field as a time: seconds since 1970 UTC, a moment written out with its zone, or a position in a sequence.

    Raises:
        Corrupt: it is none of these, or counts milliseconds.
    """
    if isinstance(text, str) and len(text) < _LONGEST_PLAIN and text.isascii() and text.isdecimal():
        return float(text)
    try:
        return time(text.strip() if isinstance(text, str) else text, _Field(isinstance(text, str)))
    except Wrong as error:
        raise Corrupt(f"{path}:{line}: {what}: {error}") from None


@dataclass(slots=True)
class _Field:
    """Where a value stands, for `shared.records`; how it was read is nothing to note here."""

    csv: bool

    def note(self, said: str) -> None:
        """Keep nothing."""


def finite(text: object, path: Path, line: int, what: str) -> float:
    """A field as a finite number.

    Raises:
        Corrupt: it is none.
    """
    try:
        number = math.nan if isinstance(text, bool) or "_" in str(text) else float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Corrupt(f"{path}:{line}: expected a number as {what}, got something else; the line is damaged")
    return number
