"""What a loaded data set is: people, public items, what was read and what was left out. Its reprs never show a person.

Simulation only: on a real device nobody holds the events of more than one person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.behaviour import Event
from shared.catalogue import Catalogue
from simulations.datasets.demo_truth import DemoTruth


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person; `events` are sorted by time, ties in file order."""

    id: str
    events: tuple[Event, ...]

    def __repr__(self) -> str:
        return f"Person({len(self.events)} events)"


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
class Loss:
    """Records left out for one reason; `examples` are "file:line", never a person's text."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The balance of a load: `rows_read == rows_kept + sum(loss.count for loss in losses)`.

    A row is one record: an item, an event, one entry of a list (a click in a history, a candidate shown, a fixed
    negative), or one line that adds text to an item.
    """

    rows_read: int
    rows_kept: int
    losses: tuple[Loss, ...]


@dataclass(frozen=True)
class Dataset:
    """A loaded data set.

    Attributes:
        negatives: person id to the published negatives of that person's test item; empty where none are published.
        impressions: lists of the test period; when there are any, all events of `people` are training and history.
        truth: what the demo world hides from the model; None for real data.
    """

    name: str
    catalogue: Catalogue
    people: tuple[Person, ...]
    report: LoadReport
    negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    impressions: tuple[Impression, ...] = ()
    truth: DemoTruth | None = None

    def __repr__(self) -> str:
        return f"Dataset({self.name}, {len(self.people)} people, {len(self.catalogue)} items)"
