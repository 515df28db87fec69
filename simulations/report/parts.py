"""The parts of a result that only its report shows: curves, people, concepts. Their reprs tell no text of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Validation metrics after a round; round 0 is before any.

    Attributes:
        interval: 95 % of the metric that `headline` names: bootstrap over people, or, of what devices told of
            themselves in a private sum, by its standard deviation; None where nobody computed it.
    """

    round: int
    metrics: Mapping[str, float | None]
    interval: Interval | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "CurvePoint":
        """The point whose fields were written as JSON."""
        ends = record["interval"]
        return cls(record["round"], record["metrics"], None if ends is None else (ends[0], ends[1]))


@dataclass(frozen=True, slots=True)
class ExampleEvent:
    """One event of an example person.

    Attributes:
        when: date and hour, or the place in the sequence where no date is known.
        kind: an `EventKind`.
        words: title of its item, else the person's own words.
    """

    when: str
    kind: str
    words: str

    def __repr__(self) -> str:
        return f"ExampleEvent({len(self.words)} characters)"


@dataclass(frozen=True, slots=True)
class ExampleReason:
    """Why an item is offered.

    Attributes:
        kind: as `client.Reason` has it.
        name: title of the item or name of the concept that it is about; empty otherwise.
        share: of the score, between -1 and 1.
    """

    kind: str
    name: str
    share: float

    def __repr__(self) -> str:
        return f"ExampleReason({self.kind})"


@dataclass(frozen=True, slots=True)
class ExampleRecommendation:
    """One recommended item and why."""

    title: str
    score: float
    reasons: Sequence[ExampleReason] = ()

    def __repr__(self) -> str:
        return f"ExampleRecommendation({len(self.reasons)} reasons)"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "ExampleRecommendation":
        """The recommendation whose fields were written as JSON."""
        return cls(record["title"], record["score"], [ExampleReason(**reason) for reason in record["reasons"]])


@dataclass(frozen=True, slots=True)
class ExamplePerson:
    """One person of the data set as the report shows them; simulated or public data only."""

    number: int
    latest: Sequence[ExampleEvent]
    concepts: Sequence[tuple[str, float]]
    recommendations: Sequence[ExampleRecommendation]

    def __repr__(self) -> str:
        return f"ExamplePerson({len(self.latest)} events, {len(self.recommendations)} recommendations)"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "ExamplePerson":
        """The person whose fields were written as JSON."""
        return cls(
            record["number"],
            [ExampleEvent(**event) for event in record["latest"]],
            [(name, share) for name, share in record["concepts"]],
            [ExampleRecommendation.from_json(one) for one in record["recommendations"]],
        )


@dataclass(frozen=True, slots=True)
class Journey:
    """One person's interest through time, and what was offered early and late.

    Attributes:
        number: of the person among the examples.
        events: in the log.
        moments: after how many events each column of `shares` stands.
        whens: the time of the last of these events.
        concepts: names of those shown, strongest first.
        shares: a row for each concept: its share of the interest at each moment.
        early: after how many events the first list stands; the second stands after all.
        before, after: titles offered, first to last.
    """

    number: int
    events: int
    moments: Sequence[int]
    whens: Sequence[str]
    concepts: Sequence[str]
    shares: Sequence[Sequence[float]]
    early: int
    before: Sequence[str]
    after: Sequence[str]

    def __repr__(self) -> str:
        return f"Journey({self.events} events)"


@dataclass(frozen=True, slots=True)
class ConceptPlace:
    """One concept on the map.

    Attributes:
        x, y: from 0 to 1; concepts whose texts are alike lie near each other.
        share: of what the catalogue is about, between 0 and 1.
    """

    name: str
    x: float
    y: float
    share: float


@dataclass(frozen=True, slots=True)
class ConceptMap:
    """The concepts of a release.

    Attributes:
        places: strongest first.
        follows: (from, to, weight): who chose the first goes on to the second; numbers are places.
        of: how many concepts there are, also those that are not shown.
    """

    places: Sequence[ConceptPlace]
    follows: Sequence[tuple[int, int, float]]
    of: int

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "ConceptMap":
        """The map whose fields were written as JSON."""
        places = [ConceptPlace(**place) for place in record["places"]]
        return cls(places, [(one, other, weight) for one, other, weight in record["follows"]], record["of"])


@dataclass(frozen=True, slots=True)
class FairnessGroup:
    """People with about as many events.

    Attributes:
        name: "few events", "some events" or "many events".
        people: in the group.
        fewest, most: events before the question.
        mean: sampled nDCG@10 on their own devices; None where they are too few to be spoken of.
        interval: 95 %, over these people.
    """

    name: str
    people: int
    fewest: int
    most: int
    mean: float | None
    interval: Interval | None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "FairnessGroup":
        """The group whose fields were written as JSON."""
        ends = record["interval"]
        return cls(**{**record, "interval": None if ends is None else (ends[0], ends[1])})
