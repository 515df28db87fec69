"""Reads MIND news impressions: earlier days become people's events, the last day the test impressions.

It never gives a person an event of the last day: what happened there is the test. Nobody noted when a click came: of a
history only the order is known, of a list when it was shown. So the times of events are positions in a sequence.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from shared.records import identity
from simulations.datasets.dataset import Dataset, Impression
from simulations.datasets.logbook import UNKNOWN_ITEM, EventCollector
from simulations.datasets.news_texts import read_news
from simulations.datasets.rows import named_file, read_table
from simulations.datasets.tally import LoadCounter

_TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of behaviors.tsv."""

    line: int
    person: str
    time: datetime
    history: tuple[str, ...]
    candidates: tuple[str, ...]
    clicked: tuple[bool, ...]


def load_mind(folder: Path, language: str = "en") -> Dataset:
    """Load `behaviors.tsv` and the news; `language` "zh" takes the Mandarin titles of xMIND.

    A person's history comes first, then the clicks of all days but the last, each with the candidates shown and not
    clicked. A test impression has the history of its own row and nothing else.

    Raises:
        Misconfigured: a file is missing, or there are fewer than two days.
        Corrupt: a file is not what its name claims.
    """
    tally = LoadCounter()
    catalogue = read_news(folder, language, tally)
    source = named_file(folder, "behaviors.tsv")
    rows = sorted(_rows(source, catalogue, tally), key=lambda row: row.time)
    if not rows:
        raise Corrupt(f"{source}: expected impressions, got none")
    last_day = rows[-1].time.date()
    if rows[0].time.date() == last_day:
        raise Misconfigured(f"{source}: expected at least two days, the last of them for testing, got only {last_day}")
    reading = _Reading(source, catalogue, tally)
    for row in rows:
        reading.take(row, in_test=row.time.date() == last_day)
    return Dataset(
        name=f"mind {folder.name}" + ("" if language == "en" else f" {language}"),
        catalogue=catalogue,
        people=reading.logbook.people(source),
        report=tally.report(),
        impressions=tuple(reading.impressions),
        files={"items": folder, "events": source},
    )


class _Reading:
    """Takes rows in order of time; each history entry and each candidate is one record."""

    def __init__(self, source: Path, catalogue: Catalogue, tally: LoadCounter) -> None:
        self.logbook = EventCollector(catalogue, tally)
        self.impressions: list[Impression] = []
        self._source = source
        self._known = {item.id for item in catalogue}
        self._tally = tally
        self._places: dict[str, int] = {}
        self._rows: set[tuple[str, datetime, tuple[str, ...], tuple[bool, ...]]] = set()

    def take(self, row: _Row, *, in_test: bool) -> None:
        """Turn one row into events, or into a test impression."""
        key = (row.person, row.time, row.candidates, row.clicked)
        if key in self._rows:
            self._lose("impression stands twice", row, len(row.history) + len(row.candidates))
            return
        self._rows.add(key)
        first = row.person not in self._places
        if first:
            self._places[row.person] = len(self._places)
            self.logbook.meet(row.person)
            for item in row.history:
                self._add(row, item)
        if in_test:
            self._take_test(row, history_is_new=not first)
        else:
            if not first:
                self._lose("history given again by a later row of the person", row, len(row.history))
            self._take_training(row)

    def _take_training(self, row: _Row) -> None:
        passed = [item for item, clicked in zip(row.candidates, row.clicked, strict=True) if not clicked]
        shown = tuple(item for item in passed if item in self._known)
        self._lose(UNKNOWN_ITEM, row, len(passed) - len(shown))
        clicks = [
            self._add(row, item, shown) for item, clicked in zip(row.candidates, row.clicked, strict=True) if clicked
        ]
        if any(clicks):
            self._tally.kept += len(shown)
        else:
            self._lose("shown in an impression without a known click", row, len(shown))

    def _take_test(self, row: _Row, *, history_is_new: bool) -> None:
        history = tuple(item for item in row.history if item in self._known)
        offered = [pair for pair in zip(row.candidates, row.clicked, strict=True) if pair[0] in self._known]
        self._lose(UNKNOWN_ITEM, row, len(row.candidates) - len(offered))
        records = len(offered)
        if history_is_new:
            self._lose(UNKNOWN_ITEM, row, len(row.history) - len(history))
            records += len(history)
        candidates = tuple(item for item, _ in offered)
        clicked = tuple(was_clicked for _, was_clicked in offered)
        if any(clicked) and not all(clicked):
            self._tally.kept += records
            person = self._places[row.person]
            self.impressions.append(Impression(person, row.time.timestamp(), history, candidates, clicked))
        else:
            self._lose("test impression without both a click and a known item passed over", row, records)

    def _add(self, row: _Row, item: str, shown: tuple[str, ...] = ()) -> bool:
        position = float(self.logbook.count(row.person))
        event = Event(position, EventKind.CLICK, item, shown=shown)
        return self.logbook.add(row.person, event, self._source, row.line)

    def _lose(self, reason: str, row: _Row, count: int) -> None:
        self._tally.skip(reason, self._source, row.line, count)


def _rows(source: Path, catalogue: Catalogue, tally: LoadCounter) -> Iterator[_Row]:
    names = {item.id: item.id for item in catalogue}  # one string object per news, not one per click
    for line, (_, person, time, history, candidates) in read_table(source, tally, separator="\t", columns=5):
        before = tuple(names.get(item) or identity(item) for item in history.split())
        offered = [entry.rpartition("-") for entry in candidates.split()]
        if not all(item and click in ("0", "1") for item, _, click in offered):
            raise Corrupt(f"{source}:{line}: expected candidates as ID-0 or ID-1, got others; the line is damaged")
        if not person or not offered:
            tally.skip("impression without a person or candidates", source, line)
            continue
        tally.read += len(before) + len(offered) - 1  # the records of this row are its entries
        items = tuple(names.get(item) or identity(item) for item, _, _ in offered)
        yield _Row(line, person, _time(time, source, line), before, items, tuple(c == "1" for _, _, c in offered))


def _time(text: str, source: Path, line: int) -> datetime:
    for read in (lambda: datetime.strptime(text, _TIME_FORMAT), lambda: datetime.fromisoformat(text)):
        with suppress(ValueError):
            return read().replace(tzinfo=UTC)  # its zone is not told, and only the order and the day count
    raise Corrupt(f"{source}:{line}: expected a time like 11/14/2019 7:05:00 PM, got something else")
