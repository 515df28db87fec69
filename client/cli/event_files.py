"""Reads a person's events from JSON lines or CSV: the layout of a federation's events without the column `person`.

Every line is checked before the first is written; a message names lines and fields, never what stands in them.
"""

import csv
import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from client.desk import EventRecord
from shared.errors import Corrupt, Misconfigured

_MOST_REPORTED = 20
_COLUMNS = ("time_seconds", "kind", "item", "text", "value", "shown", "propensity", "key")
_NUMBERS = ("time_seconds", "value", "propensity")


def read_events(source: str) -> list[EventRecord]:
    """The events of a file, or of standard input for "-", each with a key of its own: reading it twice adds nothing.

    Raises:
        Misconfigured: there is no such file.
        Corrupt: lines are not what the layout says; the first twenty are named.
    """
    records, wrong = [], []
    for line, fields in _lines(source):
        if isinstance(fields, str):
            wrong.append(f"line {line}: {fields}")
            continue
        try:
            record = EventRecord.model_validate(fields)
        except ValidationError as error:
            wrong.append(f"line {line}: {_said(error, fields)}")
            continue
        if record.time_seconds is None:
            wrong.append(f"line {line}: time_seconds is missing")
        records.append(record)
    if wrong:
        more = f"\n  and {len(wrong) - _MOST_REPORTED} more" if len(wrong) > _MOST_REPORTED else ""
        raise Corrupt(
            f"{source}: expected one event a line, got {len(wrong)} lines that are none; nothing was written\n  "
            + "\n  ".join(wrong[:_MOST_REPORTED])
            + more
        )
    if not records:
        raise Corrupt(f"{source}: expected events, got none; choose another file")
    return list(_keyed(records))


def _lines(source: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Line numbers with fields, or with what is wrong with the line."""
    content = _text(source)
    if source.endswith(".csv"):
        yield from _rows(content, source)
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        yield number, fields if isinstance(fields, dict) else "expected one whole JSON object"


def _text(source: str) -> str:
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Corrupt(f"{source}: expected UTF-8 text, got other bytes; save it as UTF-8") from None
    except OSError as error:
        raise Misconfigured(f"{source}: expected a readable file ({error.strerror}); check the path") from None


def _rows(content: str, source: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not {"time_seconds", "kind"} <= set(header) <= set(_COLUMNS) or len(set(header)) != len(header):
            raise Corrupt(
                f"{source}:1: expected the columns time_seconds, kind and perhaps {', '.join(_COLUMNS[2:])}, got "
                f"another first line{'; leave out the column person' if 'person' in header else ''}"
            )
        for values in reader:
            if not any(values):
                continue
            if len(values) != len(header):
                yield reader.line_num, f"expected {len(header)} fields, got {len(values)}"
                continue
            fields: dict[str, Any] = {name: value for name, value in zip(header, values, strict=True) if value.strip()}
            if "shown" in fields:
                fields["shown"] = fields["shown"].split()
            yield reader.line_num, _numbered(fields)
    except csv.Error as error:
        raise Corrupt(f"{source}:{reader.line_num}: expected CSV with closed quotation marks ({error})") from None


def _numbered(fields: dict[str, Any]) -> dict[str, Any] | str:
    for name in _NUMBERS:
        if name in fields:
            try:
                fields[name] = float(fields[name])
            except ValueError:
                return f"{name}: expected a number"
    return fields


def _said(error: ValidationError, fields: dict[str, Any]) -> str:
    if "person" in fields:
        return "expected one person's events: leave out the field person"
    known = EventRecord.model_fields
    parts = []
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        name = one["loc"][0] if one["loc"] and one["loc"][0] in known else "event"
        parts.append(f"{name}: {'unknown name' if one['type'] == 'extra_forbidden' else one['msg']}")
    return "; ".join(dict.fromkeys(parts))


def _keyed(records: Iterable[EventRecord]) -> Iterator[EventRecord]:
    """Give each record without a key one made of what it says, and of how many said the same before it."""
    met: Counter[str] = Counter()
    for record in records:
        if record.key is not None:
            yield record
            continue
        said = json.dumps(record.model_dump(mode="json"), sort_keys=True)
        met[said] += 1
        digest = hashlib.sha256(f"{met[said]} {said}".encode()).hexdigest()
        yield record.model_copy(update={"key": f"file:{digest[:40]}"})
