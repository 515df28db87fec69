"""Reads lines and tables from plain or gzipped files, and says file and line when one is not what it claims to be."""

import codecs
import gzip
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.records import Header, Unreadable, table_rows
from simulations.datasets.tally import LoadCounter

_BYTES_CHECKED = 65536


def encoding_of(path: Path) -> str:
    """UTF-8 where the whole file is UTF-8, else latin-1, which any file is: releases of one layout differ in it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BYTES_CHECKED):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    except OSError:
        return "utf-8"  # whoever reads it will say what is wrong
    return "utf-8"


def lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their ends.

    Raises:
        Misconfigured: there is no such file.
        Corrupt: the file is empty, binary, a broken gzip, or not in `encoding`.
    """
    if not path.is_file():
        raise Misconfigured(f"{path}: expected a file, found none; check the directory of the data set")
    opener: Any = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as stream:
            if b"\0" in stream.read(_BYTES_CHECKED):
                raise Corrupt(f"{path}: expected text, got a binary file; fetch the file again")
        with opener(path, "rt", encoding=encoding, newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise Corrupt(
            f"{path}: expected {encoding.removesuffix('-sig')} text after line {number}, got other bytes"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Corrupt(f"{path}: expected a whole gzip file, it breaks off after line {number} ({error})") from None
    if number == 0:
        raise Corrupt(f"{path}: expected rows, got an empty file; fetch the file again")


def read_table(
    path: Path, tally: LoadCounter, *, separator: str, columns: int, encoding: str = "utf-8-sig", header: str = ""
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and the `columns` fields of each row; the last field keeps any further separators.

    Every row is counted as read; blank lines are reported to `tally` here, all others are the caller's to keep or
    report.

    Raises:
        Corrupt: the header differs from `header`, or a row has too few fields.
    """
    for number, line in lines(path, encoding):
        if number == 1 and header:
            if line != header:
                raise Corrupt(f"{path}:1: expected the header {header!r}, got another first line")
            continue
        tally.read += 1
        if not line.strip():
            tally.skip("blank line", path, number)
            continue
        fields = line.split(separator, columns - 1)
        if len(fields) != columns:
            raise Corrupt(
                f"{path}:{number}: expected {columns} fields separated by {separator!r}, got {len(fields)}; "
                "the line is cut short or the file is of another layout"
            )
        yield number, fields


def csv_records(
    path: Path, tally: LoadCounter, *, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and fields by column name of a file with a header and CSV quoting, whatever its separator.

    An empty field is an empty text. Counts and reports as `read_table`.

    Raises:
        Corrupt: a required column is missing, an unknown one is there, a row has another number of fields, or a
            quotation mark is never closed.
    """
    header = Header(required, optional)
    notes: list[str] = []
    try:
        for number, row in table_rows((f"{text}\n" for _, text in lines(path)), header, notes):
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


def objects(path: Path, tally: LoadCounter) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and the JSON object on each line; counts and reports as `read_table` does.

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
        yield number, record


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
