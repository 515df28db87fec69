"""What the local API answers, as its OpenAPI document describes it. Documentation only: answers pass as they are."""

from typing import Any

from pydantic import BaseModel

from client.http_api.errors import ErrorCode


class HealthResponse(BaseModel):
    """The device answers."""

    ok: bool


class Written(BaseModel):
    """Row ids in the order of what was handed in; null where nothing was to be written."""

    ids: list[int | None]


class Logged(Written):
    """The same, and how many events were not there already by their key.

    `unknown` names the items that the catalogue has not; null while no release is installed.
    """

    new: int
    unknown: list[str] | None


class ReasonResponse(BaseModel):
    """One addend of a score: its kind, the item or concept it is about, and what it adds."""

    kind: str
    name: str
    part: float


class RecommendationResponse(BaseModel):
    """One item and the strongest reasons for it. `propensity` is to be handed back with feedback."""

    item: str
    title: str
    score: float
    propensity: float
    reasons: list[ReasonResponse]
    because: str


class Recommendations(BaseModel):
    """The best items, best first."""

    recommendations: list[RecommendationResponse]


class Mattered(BaseModel):
    """An event, by row id and item, and what it adds to the score."""

    id: int
    item: str | None
    part: float


class Without(BaseModel):
    """The fewest events without which the item would not be recommended, and its rank without them."""

    events: list[int]
    rank: int


class Explanation(BaseModel):
    """Why an item ranks where it does; the parts of its reasons add up to its score."""

    item: str
    title: str
    score: float
    rank: int
    reasons: list[ReasonResponse]
    events: list[Mattered]
    without: Without


class Concept(BaseModel):
    """A concept's share of the person's interest, how unsure that is, and what the person decided about it."""

    name: str
    share: float
    uncertainty: float
    muted: bool
    boost: bool


class InterestsResponse(BaseModel):
    """What the device makes of the log; it goes nowhere else."""

    concepts: list[Concept]
    levels: dict[str, float]
    drift: float
    events: int


class PromiseResponse(BaseModel):
    """An epsilon at a delta."""

    epsilon: float
    delta: float


class PeriodResponse(BaseModel):
    """A second budget, for all answers of any so many days in a row; `event` is null where windows have none."""

    days: int
    user: float
    event: float | None


class Promised(BaseModel):
    """What the federation promises for the device's whole life.

    To all one person did; to a window of events; to a window even in a single answer, from the device's own noise.
    `epsilon_alone` is what the first would be were everybody else in every sum in league with the server.
    """

    federation: str
    user: PromiseResponse | None
    event: PromiseResponse | None
    local: PromiseResponse | None
    cohort: int
    epsilon_alone: float | None
    period: PeriodResponse | None


class Allowed(BaseModel):
    """What the device's own policy lets pass at most, and among how many people at least."""

    epsilon: float
    epsilon_per_round: float
    epsilon_alone: float
    delta: float
    cohort: int
    tasks: list[str]


class Spent(BaseModel):
    """Epsilons of all that ever left."""

    user: float
    event: float
    local: float


class SpentInPeriod(BaseModel):
    """Epsilons of all that left within the newest period."""

    user: float
    event: float


class OfferedChange(BaseModel):
    """A key of the federation's terms, as it was agreed to and as the operator offers it now."""

    key: str
    before: Any
    after: Any


class PrivacyResponse(BaseModel):
    """What was promised, allowed and spent; `promised` is null before joining. `answers` counts them by task.

    `faults` are what speaks against the ledger being whole, one sentence each; `paused`: no round is answered until the
    person resumes; `offered_terms`: what would change under terms that the person has not accepted.
    """

    promised: Promised | None
    allowed: Allowed
    spent: Spent
    spent_in_period: SpentInPeriod | None
    answers: dict[str, int]
    faults: list[str]
    paused: bool
    offered_terms: list[OfferedChange]


class Deleted(BaseModel):
    """How many events were deleted."""

    deleted: int


class Everything(BaseModel):
    """All that is kept of the person; an event without its id can be handed in again."""

    events: list[dict[str, Any]]
    decisions: dict[str, str]
    privacy: PrivacyResponse


class Field(BaseModel):
    """A field by its place, such as events.0.kind, and the rule that it breaks."""

    field: str
    rule: str


class Refusal(BaseModel):
    """One of a few fixed words, and what it means; never what was asked."""

    error: ErrorCode
    meaning: str
    fields: list[Field] = []
