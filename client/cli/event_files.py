"""Reads a person's events from JSON lines or CSV: the layout of a federation's events without `person`.

Every line is checked before the first is written; a message names lines and fields, never what stands in them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from client.facade import EventRecord
from shared.errors import Corrupt
from shared.records import PERSONAL_EVENTS, Reading, read_events


def read_events_file(source: str) -> tuple[list[EventRecord], tuple[str, ...]]:
    """The events of a file, or of standard input for "-", and notes on how they were read.

    Each event has a key of its own, so that reading the file twice adds nothing.

    Raises:
        Misconfigured: there is no such file.
        Corrupt: lines are not what the layout says; the first twenty are named.
    """
    reading = Reading(source, PERSONAL_EVENTS)
    records = []
    for line, fields in read_events(reading):
        if fields is None:
            continue
        missing = [name for name in PERSONAL_EVENTS.needed if name not in fields]
        if missing:
            reading.fault(line, "; ".join(f"{name}: expected a value, got none" for name in missing))
            continue
        try:
            records.append(EventRecord.model_validate(fields))
        except ValidationError as error:
            reading.fault(line, _said(error))
    if not records:
        raise Corrupt(f"{source}: expected events, got none; choose another file")
    return list(_keyed(records)), reading.notes


def _said(error: ValidationError) -> str:
    """What bounds a device's records go beyond, see `EventRecord`."""
    parts: dict[str, Any] = {}
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        name = one["loc"][0] if one["loc"] else "event"
        parts[f"{name}: {one['msg'].removeprefix('Value error, ')}"] = None
    return "; ".join(parts)


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
