"""What a host app or a person hands in, checked before anything else sees it: strict, bounded, unknown names refused.

The same records are read from the local API, from files and from the command line.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from client.recommender import RecommendOptions, Strategy
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured

MOST_EVENTS = 1_000  # in one call
MOST_OFFERS = 100  # in one list
_MOST_SECONDS = 253_402_300_799.0  # the end of the year 9999

ItemId = Annotated[str, Field(min_length=1, max_length=256)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Key = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._:-]{1,64}$",
        description="Idempotency key: an event whose key is known already is not written a second time.",
    ),
]
Seconds = Annotated[float, Field(ge=0.0, le=_MOST_SECONDS, description="Since 1970-01-01 UTC; now when left out.")]
Value = Annotated[float, Field(ge=-1e6, le=1e6, description="A rating in its source's own scale.")]
Chance = Annotated[float, Field(gt=0.0, le=1.0, description="With which the recommender showed the item.")]
Kind = Annotated[EventKind, Field(strict=False)]
Context = Annotated[dict[Word, Word], Field(max_length=16, description='Words such as {"hour": "08"}.')]
RowId = Annotated[int, Field(ge=1, lt=2**63)]


class InvalidFields(Misconfigured):
    """What was handed in breaks a rule that a record alone cannot see.

    Attributes:
        fields: by their places, such as events.0.time_seconds.
        rule: that they break, in one word.
    """

    def __init__(self, message: str, fields: Sequence[str], rule: str) -> None:
        super().__init__(message, fields, rule)
        self.fields, self.rule = tuple(fields), rule

    def __str__(self) -> str:
        return str(self.args[0])


class Record(BaseModel):
    """Strict, frozen, without unknown names; its values are never printed."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        regex_engine="rust-regex",
    )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(private)"

    __str__ = __repr__


class EventRecord(Record):
    """One thing the person did."""

    kind: Kind
    item: ItemId | None = None
    text: Annotated[str, Field(max_length=10_000, description="The person's own words.")] = ""
    time_seconds: Seconds | None = None
    value: Value | None = None
    shown: Annotated[
        list[ItemId], Field(max_length=MOST_OFFERS, description="Items offered beside this one and not taken.")
    ] = []
    propensity: Chance | None = None
    context: Context = {}
    key: Key | None = None

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if self.item is None and not self.text:
            raise ValueError("expected an item or a text")
        return self

    def event(self, now_seconds: float) -> Event:
        """The event, at `now_seconds` where the record has no time."""
        return Event(
            time_seconds=now_seconds if self.time_seconds is None else self.time_seconds,
            kind=self.kind,
            item=self.item,
            text=self.text,
            value=self.value,
            shown=tuple(self.shown),
            context=tuple(sorted(self.context.items())),
            propensity=self.propensity,
        )


class FeedbackRecord(Record):
    """What became of one recommended item. What the answer said of the offer is handed back with it.

    `shown` writes no event; it is remembered for a while, so that what the person then does with the item carries the
    chance it was shown with, and what stood beside it.
    """

    action: Literal["shown", "clicked", "skipped", "dismissed", "rated"]
    item: ItemId
    propensity: Chance | None = None
    beside: Annotated[
        list[ItemId], Field(max_length=MOST_OFFERS, description="The other items of the list, not taken.")
    ] = []
    value: Value | None = None
    time_seconds: Seconds | None = None
    context: Context = {}
    key: Key | None = None

    @model_validator(mode="after")
    def _rated_with_a_value(self) -> Self:
        if (self.value is not None) != (self.action == "rated"):
            raise ValueError("expected a value with rated, and with nothing else")
        return self


class SearchRequest(Record):
    """A sentence that the catalogue is ranked for."""

    text: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"\S", description="What is looked for.")]
    n: Annotated[int, Field(ge=1, le=MOST_OFFERS, description="How many.")] = 10


class RecommendRequest(Record):
    """What is asked of a list of recommendations."""

    n: Annotated[int, Field(ge=1, le=MOST_OFFERS, strict=False, description="How many.")] = 10
    categories: Annotated[list[Word], Field(max_length=64, description="Only items of one of these.")] = []
    blocked: Annotated[
        list[Word], Field(max_length=64, description="No item whose text holds one of these words.")
    ] = []
    diversity: Annotated[float, Field(ge=0.0, le=1.0, strict=False, description="0: by score alone.")] = 0.0
    calibration: Annotated[
        float, Field(ge=0.0, le=1.0, strict=False, description="How far concepts are to mix as the person's do.")
    ] = 0.0
    freshness: Annotated[float, Field(ge=0.0, le=1.0, strict=False, description="How much new items are favoured.")] = (
        0.0
    )
    exploration: Annotated[
        float, Field(ge=0.0, lt=1.0, strict=False, description="Chance that a place is drawn by lot.")
    ] = 0.0
    strategy: Annotated[Strategy, Field(strict=False)] = Strategy.HYBRID
    include_met: Annotated[bool, Field(strict=False, description="Offer again what the person has met.")] = False
    context: Annotated[
        list[Annotated[str, Field(pattern=r"^[^:]{1,64}:[^:]{1,64}$")]],
        Field(max_length=16, description="Of the moment, as NAME:WORD, such as hour:08."),
    ] = []

    @model_validator(mode="after")
    def _one_score_to_share(self) -> Self:
        if self.diversity + self.calibration > 1.0:
            raise ValueError("expected diversity and calibration of at most 1 together")
        return self

    def wishes(self) -> RecommendOptions:
        """The same, as the recommender takes it."""
        return RecommendOptions(
            strategy=self.strategy,
            include_met=self.include_met,
            categories=frozenset(self.categories),
            blocked_words=frozenset(self.blocked),
            diversity=self.diversity,
            calibration=self.calibration,
            freshness=self.freshness,
            exploration=self.exploration,
        )

    def circumstances(self) -> tuple[tuple[str, str], ...]:
        """The context as pairs."""
        pairs = (word.split(":") for word in self.context)
        return tuple((name, word) for name, word in pairs)
