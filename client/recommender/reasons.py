"""Why an item is offered: addends that sum to its score, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from shared.behaviour import Event
from shared.catalogue import Catalogue

Kind = Literal["event", "companion", "course", "concept", "everybody", "text", "popularity", "freshness", "control"]


class Reason(NamedTuple):
    """One addend of a score; a tuple, as a list of ten offers holds thousands.

    Attributes:
        kind: a past event whose text is alike, one whose item others chose beside this one, the course of all events,
            a concept of interest, what concepts suit everybody at such a moment (as long as nothing is known of the
            person), what the item's text says to everybody, popularity, freshness, or what the person muted.
        name: item id (or "own words") of an event, id of a companion, name of a concept; empty otherwise.
        part: what it adds to the score.
    """

    kind: Kind
    name: str
    part: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One ranked item; the parts of `reasons`, largest first, sum to `score`.

    Attributes:
        propensity: chance with which it came to its place, given those above it: 1 without exploration. To be kept with
            the event if the person takes it up.
    """

    row: int
    item: str
    score: float
    reasons: tuple[Reason, ...]
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would have been without some events: the rank, from 1, that the item would then have."""

    without: tuple[Event, ...]
    rank: int

    def __repr__(self) -> str:
        return f"Counterfactual(without {len(self.without)} events: rank {self.rank})"


def in_words(reason: Reason, catalogue: Catalogue) -> str:
    """The reason as a person would say it."""
    match reason.kind:
        case "event" if reason.name in catalogue:
            return f"you chose “{catalogue[catalogue.row(reason.name)].title}”"
        case "event":
            return "your own words"
        case "companion":
            return f"it goes with “{catalogue[catalogue.row(reason.name)].title}”"
        case "course":
            return "where your interests are heading"
        case "concept":
            return f"your interest in {reason.name}"
        case "everybody":
            return "what suits everybody at such a moment"
        case "text":
            return "what its text says to everybody"
        case "popularity":
            return "how often others choose it"
        case "freshness":
            return "it is new"
        case "control":
            return f"you muted {reason.name}"


def reasons_in_words(reasons: Sequence[Reason], catalogue: Catalogue, most: int = 4) -> list[tuple[str, float]]:
    """The strongest reasons in words, each with its share of all that speaks for or against the item."""
    total = sum(abs(reason.part) for reason in reasons) or 1.0
    strongest = sorted(reasons, key=lambda reason: -abs(reason.part))[:most]
    return [(in_words(reason, catalogue), reason.part / total) for reason in strongest]
