"""What may stand in one field, and what it is then.

Each function takes a value as it was read, JSON or the text of a CSV cell, and gives it typed, None where there is
nothing; it raises `Wrong`, which never quotes the value.
"""

import math
import re
import unicodedata
from datetime import datetime
from typing import Any, Protocol

from shared.behaviour import UNDATED_FROM_SECONDS, EventKind

_LONGEST_ID, _LONGEST_TEXT = 256, 1_000_000
_WIDEST, _LARGEST = 4096, 1e18  # of a block of features; the square of a number must be one in float32
_BLOCK = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff"))  # deleted from ids
_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d", re.ASCII)
_UNITS = ((1e17, "nanoseconds", "1,000,000,000"), (1e14, "microseconds", "1,000,000"), (0.0, "milliseconds", "1,000"))
NUMERIC_IDS = "ids that are written as numbers are read as texts"
WRITTEN_TIMES = "times that are written out (ISO 8601) are read as seconds since 1970-01-01 UTC"


class Wrong(Exception):
    """A value that its field cannot hold: what was expected, what came, what to do."""


class Source(Protocol):
    """The file that a value stands in."""

    csv: bool

    def note(self, said: str) -> None:
        """Count a line that was taken another way than it stands there."""
        ...


def identity(name: str) -> str:
    """An id as it is compared; ids that look the same are the same.

    NFC, without blanks around it, one space for those inside, without what has no width.
    """
    if name.isascii() and not any(letter.isspace() for letter in name):
        return name
    return " ".join(unicodedata.normalize("NFC", name).translate(_UNSEEN).split())


def whole(name: str) -> str:
    """An id without the fraction that tables of numbers give it: "1.0" is "1"."""
    match = _WHOLE.fullmatch(name) if "." in name else None
    return match[1] if match else name


def identifier(value: Any, source: Source) -> str | None:
    """An id: a text, or a whole number, which is read as one."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value == int(value):
        source.note(NUMERIC_IDS)
        return str(int(value))
    if not isinstance(value, str):
        raise Wrong(f"expected a text, got {_named(value)}")
    name = identity(value)
    if source.csv and (numbered := whole(name)) != name:
        source.note(NUMERIC_IDS)
        name = numbered
    if len(name) > _LONGEST_ID:
        raise Wrong(f"expected at most {_LONGEST_ID} characters, got {len(name)}")
    return name or None


def identifiers(value: Any, source: Source) -> list[str] | None:
    """A list of ids; in CSV separated by blanks."""
    if source.csv:
        value = value.split()
    if not isinstance(value, list):
        raise Wrong(f'expected a list such as ["i1", "i2"], got {_named(value)}')
    return [name for name in (identifier(one, source) for one in value) if name]


def words(value: Any, source: Source) -> str | None:
    """A text for people or the encoder."""
    if not isinstance(value, str):
        raise Wrong(f"expected a text, got {_named(value)}; put it in quotation marks")
    if len(value) > _LONGEST_TEXT:
        raise Wrong(f"expected at most {_LONGEST_TEXT} characters, got {len(value)}")
    return value.strip() or None


def labels(value: Any, source: Source) -> list[str] | None:
    """A list of texts; in CSV separated by |."""
    if source.csv:
        value = value.split("|")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Wrong('expected a list of texts such as ["drama", "war"], got something else')
    return [one.strip() for one in value if one.strip()]


def pairs(value: Any, source: Source) -> dict[str, str] | None:
    """An object of words."""
    if not isinstance(value, dict) or not all(isinstance(word, str) for word in value.values()):
        raise Wrong('expected an object of words such as {"hour": "08"}, got something else')
    return value


def vectors(value: Any, source: Source) -> dict[str, list[float]] | None:
    """An object of numbers, or of lists of numbers, by the name of their block."""
    if not isinstance(value, dict):
        raise Wrong(f'expected an object such as {{"price": 9.5, "image": [0.1, 0.2]}}, got {_named(value)}')
    read: dict[str, list[float]] = {}
    for name, given in value.items():
        if not _BLOCK.fullmatch(name):
            raise Wrong("expected names of at most 32 small letters, digits and underscores, got another")
        numbers = given if isinstance(given, list) else [given]
        if not 0 < len(numbers) <= _WIDEST:
            raise Wrong(f"{name}: expected 1 to {_WIDEST} numbers, got {len(numbers)}")
        try:
            read[name] = [number(one, source) for one in numbers]
        except Wrong as error:
            raise Wrong(f"{name}: {error}") from None
        if any(abs(one) > _LARGEST for one in read[name]):
            raise Wrong(f"{name}: expected numbers of at most {_LARGEST:.0e}, got a larger one; scale them down")
    return read


def number(value: Any, source: Source) -> float:
    """A finite number: digits, a point, an exponent."""
    if source.csv:
        if not _NUMBER.fullmatch(value):
            raise Wrong(f"expected a number, got {_spelt(value)}")
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"expected a number, got {_named(value)}")
    try:
        read = float(value)
    except OverflowError:
        read = math.inf
    if not math.isfinite(read):
        raise Wrong("expected a finite number, got another")
    return read


def seconds(value: Any, source: Source) -> float:
    """A number that is no count of milliseconds, microseconds or nanoseconds; or a moment written out in ISO 8601."""
    read = number(value, source) if (moment := _written_out(value)) is None else moment
    if moment is not None:
        source.note(WRITTEN_TIMES)
    if read >= UNDATED_FROM_SECONDS:
        unit, divisor = next((unit, divisor) for least, unit, divisor in _UNITS if read >= least)
        raise Wrong(f"expected seconds since 1970-01-01 UTC, got a number as large as {unit}; divide by {divisor}")
    return read


def time(value: Any, source: Source) -> float:
    """The time of an event: seconds, or a position in a sequence; see `Event.dated`."""
    read = seconds(value, source)
    if read < 0:
        raise Wrong("expected seconds since 1970-01-01 UTC, or a position in a sequence, got a number below zero")
    return read


def probability(value: Any, source: Source) -> float:
    """Above 0 up to 1."""
    read = number(value, source)
    if read > 1:
        raise Wrong("expected a chance above 0 up to 1, got a larger number; write 50 % as 0.5")
    if read <= 0:
        raise Wrong("expected a chance above 0 up to 1, got zero or less; leave it out where it is not known")
    return read


def kind(value: Any, source: Source) -> EventKind:
    """What was done, in small letters or capitals."""
    try:
        return EventKind(value.strip().casefold())
    except (AttributeError, ValueError):
        raise Wrong(f"expected one of {', '.join(EventKind)}, got another") from None


def _written_out(value: Any) -> float | None:
    """Seconds since 1970 UTC of a moment such as 2023-11-14T22:13:20Z; None where it is another kind of value."""
    if not isinstance(value, str) or not _DATE.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        raise Wrong(
            "expected seconds since 1970-01-01 UTC, or a moment with its zone such as 2023-11-14T22:13:20Z, got one "
            "without a zone; write Z behind it if it is UTC"
        )
    return moment.timestamp()


def _named(value: Any) -> str:
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "an object", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _spelt(text: str) -> str:
    if "_" in text:
        return "one with underscores; write its digits alone"
    if re.fullmatch(r"[+-]?[\d.]+,\d+", text):
        return "one with a comma; write a point"
    return "a text; write digits, and a point where there is a fraction"
