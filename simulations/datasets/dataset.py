"""What a loaded data set is: people, public items, what was read and what was left out. Its reprs never show a person.

Simulation only: on a real device nobody holds the events of more than one person.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.behaviour import DATED_FROM_SECONDS, Event
from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from simulations.datasets.demo_truth import DemoTruth
from simulations.people import People, Person


@dataclass(frozen=True, slots=True)
class Impression:
    """One list shown to one person in the test period.

    Attributes:
        person: position in `Dataset.people`.
        time_seconds: when the list was shown.
        history: ids clicked before, oldest first.
        candidates: the ids shown.
        clicked: for each candidate, whether it was clicked; at least one was and at least one was not.
    """

    person: int
    time_seconds: float
    history: tuple[str, ...]
    candidates: tuple[str, ...]
    clicked: tuple[bool, ...]

    def __repr__(self) -> str:
        return f"Impression({len(self.history)} before, {sum(self.clicked)} of {len(self.candidates)} clicked)"


@dataclass(frozen=True, slots=True)
class SkippedRows:
    """Records left out for one reason; `examples` are "file:line", never a person's text."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The balance of a load: `rows_read == rows_kept + sum(loss.count for loss in losses)`.

    A row is one record: an item, an event, one entry of a list (a click in a history, a candidate shown, a fixed
    negative), or one line that adds text to an item. `notes` say what was read in another way than it stands there.
    """

    rows_read: int
    rows_kept: int
    losses: tuple[SkippedRows, ...]
    notes: tuple[str, ...] = ()


def _moment(event: Event) -> float:
    return event.time_seconds


@dataclass(frozen=True)
class Dataset:
    """A loaded data set.

    Attributes:
        people: with what they did, on disk; persons given otherwise are written to a file of their own.
        negatives: person id to the published negatives of that person's test item; empty where none are published.
        impressions: lists of the test period; when there are any, all events of `people` are training and history.
        truth: what the demo world hides from the model; None for real data.
        files: where "items" and "events" were read; empty for a world that was made.

    Example:
        >>> data = load("demo", seed=0)  # or one's own objects, see `Dataset.of`
        >>> data
        Dataset(demo, 300 people, 416 items)
        >>> data.dated, data.report.losses
        (True, ())
    """

    name: str
    catalogue: Catalogue
    people: People
    report: LoadReport
    negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    impressions: tuple[Impression, ...] = ()
    truth: DemoTruth | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", People.of(self.people))

    @classmethod
    def of(cls, name: str, items: Iterable[Item], people: Mapping[str, Sequence[Event]]) -> "Dataset":
        """A data set of one's own objects, to be given to `simulate`.

        Args:
            name: in reports.
            items: the public catalogue.
            people: events by person, in any order.

        Raises:
            Misconfigured: an item stands twice, an event is none or is about an unknown item, or nobody is there.

        Example:
            >>> from shared.behaviour import EventKind
            >>> items = [Item("a", "Roses", "Growing roses"), Item("b", "Tulips", "Growing tulips")]
            >>> events = [Event(2.0, EventKind.CLICK, "b"), Event(1.0, EventKind.CLICK, "a")]
            >>> own = Dataset.of("garden", items, {"ann": events})
            >>> [event.item for event in own.people[0].events]
            ['a', 'b']
        """
        catalogue = Catalogue(items)
        if not people:
            raise Misconfigured(f"data {name!r}: expected at least one person, got none")
        for person, events in people.items():
            for place, event in enumerate(events):
                where = f"data {name!r}: person {person!r}, event {place}"
                if not isinstance(event, Event):
                    raise Misconfigured(f"{where}: expected an Event, got {type(event).__name__}")
                if event.item is not None and event.item not in catalogue:
                    raise Misconfigured(f"{where}: expected an item of the catalogue, got {event.item!r}")
        kept = People.of(Person(person, tuple(sorted(events, key=_moment))) for person, events in people.items())
        rows = len(catalogue) + kept.events
        return cls(name, catalogue, kept, LoadReport(rows, rows, ()))

    @property
    def dated(self) -> bool:
        """Whether times are of a clock.

        Else they are positions in a sequence, see `Event.dated`: no rule in seconds (bursts, slips, sessions, doubles)
        applies.
        """
        return self.people.latest_seconds >= DATED_FROM_SECONDS

    def digests(self) -> dict[str, str]:
        """SHA-256 of the "items", and of the "events" with all that is asked about them, in hexadecimal.

        Equal for equal data, wherever it was read.
        """
        asked = [
            (shown.person, shown.time_seconds, shown.history, shown.candidates, shown.clicked)
            for shown in self.impressions
        ]
        told = repr((self.people.digest(), sorted(self.negatives.items()), asked))
        return {"items": self.catalogue.digest(), "events": hashlib.sha256(told.encode()).hexdigest()}

    def __repr__(self) -> str:
        return f"Dataset({self.name}, {len(self.people)} people, {len(self.catalogue)} items)"
