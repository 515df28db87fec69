"""What a benchmark's figures are beside those of an earlier run: its JSON, kept in a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured


def read_earlier(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The records of what `bench --json` printed, by the benchmark's name.

    Raises:
        Misconfigured: the file cannot be read.
        Corrupt: it holds something else.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--against {path}: expected a file that `bench --json` wrote ({error})") from None
    try:
        records = json.loads(content.strip().splitlines()[-1])["benchmarks"]
        if not all(isinstance(record, dict) for record in records.values()):
            raise TypeError("no records")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Corrupt(
            f'--against {path}: expected {{"benchmarks": {{NAME: figures}}}} as the last line '
            f"({type(error).__name__}); write it with `bench --json`"
        ) from None
    return dict(records)


def beside(record: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every number that both records have: now, before, and now over before."""
    before = dict(numbers_of(earlier))
    return [
        {"figure": name, "now": value, "before": before[name], "now / before": value / before[name]}
        for name, value in numbers_of(record)
        if before.get(name)
    ]


def numbers_of(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number in a record with its name; rows of a table are known by their first text."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield name, float(value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from numbers_of(part, f"{name}, {key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, part in enumerate(value):
            known = next((text for text in part.values() if isinstance(text, str)), str(place)) if part else str(place)
            yield from numbers_of(part, known)
