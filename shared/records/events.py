"""The layout of events.

`.jsonl`, one JSON object a line; `.csv` has the same names as columns, lists separated by blanks:
    person        text; left out where all events are one person's
    time_seconds  seconds since 1970-01-01 UTC; where only the order is known, positions in it, below 1e8
    kind          view, click, search, review, purchase, rating, skip or dismissal
    item          id of an item; optional where there is a text
    text          the person's own words; optional
    value         number; optional
    shown         list of ids offered with the item and not taken; optional
    propensity    chance with which the recommender showed the item, above 0 up to 1; optional
    context       object of words, such as {"hour": "08"}; optional, JSON lines only
    key           an event with a key that is known already is the same event; optional
"""

from collections.abc import Iterator
from typing import Any

from shared.behaviour import DATED_FROM_SECONDS
from shared.records.fields import identifier, identifiers, kind, number, pairs, probability, time, words
from shared.records.reading import Parse, Reading, RecordLayout

_FIELDS: dict[str, Parse] = {
    "time_seconds": time,
    "kind": kind,
    "item": identifier,
    "text": words,
    "value": number,
    "shown": identifiers,
    "propensity": probability,
    "context": pairs,
    "key": identifier,
}
EVENTS = RecordLayout(
    "event", {"person": identifier, **_FIELDS}, ("person", "time_seconds", "kind"), frozenset({"context"}), {}
)
PERSONAL_EVENTS = RecordLayout(
    "event",
    _FIELDS,
    ("time_seconds", "kind"),
    frozenset({"context"}),
    {"person": "these are one person's events: leave out person"},
)


def read_events(reading: Reading) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Rows of a file of events, see `Reading.rows`. All its times are dates, or all are positions.

    Raises:
        Misconfigured, Corrupt: as `Reading.rows`.
    """
    first: tuple[int, bool] | None = None
    for line, fields in reading.rows():
        if fields is not None and "time_seconds" in fields:
            dated = fields["time_seconds"] >= DATED_FROM_SECONDS
            first = first or (line, dated)
            if dated != first[1]:
                expected, got = ("dates", "a position") if first[1] else ("positions in a sequence", "a date")
                reading.fault(
                    line,
                    f"time_seconds: expected {expected} as on line {first[0]}, got {got} (below or above "
                    f"{DATED_FROM_SECONDS:.0e} seconds); give all times one unit",
                )
                continue
        yield line, fields
