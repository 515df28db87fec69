"""The sections of a federation file, each strict in itself; what they must keep together stands in `FederationFile`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from shared.federation.groups import GROUPS, Group
from shared.tasks import TASKS, Task

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BlockName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
GroupName = Annotated[Group, WithJsonSchema({"type": "string", "enum": list(GROUPS)})]
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class Section(BaseModel):
    """Strict, frozen, finite, and without a key that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BackboneSettings(Section):
    """The frozen transformer and how texts enter it."""

    name: str
    model_sha256: Digest
    tokenizer_sha256: Digest
    max_tokens: Annotated[int, Field(ge=4, le=512)]


class ModelSettings(Section):
    """Shape and start of the global concept model."""

    views: Annotated[tuple[Literal["dense", "concepts"], ...], Field(strict=False, min_length=1, max_length=2)]
    dense_width: Annotated[int, Field(ge=1)]
    dense_trained: Annotated[int, Field(ge=1)]
    concepts: Annotated[int, Field(ge=2)]
    concept_top: Annotated[int, Field(ge=1)]
    concept_temperature: Positive
    dense_scale: Positive
    concept_scale: Positive
    forgetting: Annotated[float, Field(ge=0, le=4)]
    popularity: bool
    popularity_scale: Positive
    companion_scale: Positive
    features: Annotated[dict[BlockName, Annotated[int, Field(ge=0)]], Field(default_factory=dict)]
    lora_rank: Annotated[int, Field(ge=1, le=64)]
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.views)) < len(self.views):
            raise ValueError(f"views: expected each view once, got {list(self.views)}")
        if self.concept_top > self.concepts:
            raise ValueError(f"concept_top: expected at most concepts = {self.concepts}, got {self.concept_top}")
        return self

    @property
    def blocks(self) -> dict[str, int]:
        """Width of each block of item features that is read, by name, in the order of their columns."""
        return {name: width for name, width in sorted(self.features.items()) if width}


class InterestSection(Section):
    """What an interest is made of, how it moves, and whether it minds the circumstances."""

    levels: Annotated[tuple[Share, Share, Share], Field(strict=False)]
    evolution: Literal["forgetting", "linear", "gru", "lstm", "attention"]
    hidden: Annotated[int, Field(ge=1, le=256)]
    context: bool

    @field_validator("levels")
    @classmethod
    def _whole(cls, levels: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(levels) - 1.0) > 1e-6:
            raise ValueError(f"expected three weights that sum to 1, got {sum(levels):g}")
        return levels


class WindowSettings(Section):
    """How a device cuts its log into the units that event-level privacy protects."""

    events: Annotated[int, Field(ge=2)]
    per_device: Annotated[int, Field(ge=1)]
    sampling_probability: Annotated[float, Field(gt=0, le=1)]
    minimum_events: Annotated[int, Field(ge=2)]
    negatives: Annotated[int, Field(ge=1)]
    negative_popularity: Share
    shown: Annotated[int, Field(ge=0)]
    only_shown: bool


class ClippingSettings(Section):
    """L2 bounds of what one window and one device may contribute."""

    window_norm: Positive
    update_norm: Positive
    adaptive_quantile: Annotated[float, Field(ge=0, lt=1)]
    adaptive_rate: Positive
    indicator_share: Annotated[float, Field(gt=0, lt=1)]
    group_shares: Annotated[dict[GroupName, Positive], Field(default_factory=dict)]


class TrainingSettings(Section):
    """Which parameters move, for how many rounds, with how many devices."""

    rounds: Annotated[int, Field(ge=1, le=1_000_000)]
    clients_per_round: Annotated[int, Field(ge=2)]  # a sum of one hides nobody
    groups: Annotated[tuple[GroupName, ...], Field(strict=False, min_length=1)]
    reasons: Annotated[dict[GroupName, Annotated[str, Field(max_length=200)]], Field(default_factory=dict)]
    local_steps: Annotated[int, Field(ge=1, le=64)]
    local_learning_rate: Positive


class OptimizerSettings(Section):
    """How the server turns the mean summand into a step."""

    name: Literal["fedavg", "fedavgm", "fedadam"]
    learning_rate: Positive
    final_rate: Share
    momentum: Annotated[float, Field(ge=0, lt=1)]
    second_moment_decay: Annotated[float, Field(ge=0, lt=1)]
    stability: Positive
    group_rates: Annotated[dict[GroupName, Annotated[float, Field(ge=0)]], Field(default_factory=dict)]


class RoundSettings(Section):
    """When a round ends, and when it counts."""

    deadline_seconds: Positive
    straggler_seconds: Positive
    answer_seconds: Annotated[dict[Task, Positive], Field(default_factory=dict)]
    over_selection: Annotated[float, Field(ge=1, le=4)]
    minimum_answers: Annotated[int, Field(ge=2)]

    def answer_seconds_of(self, task: Task) -> float:
        """How long after its question the answer to a round's first message leaves a device, whatever the work took."""
        return self.answer_seconds.get(task, 10.0)


class SumSettings(Section):
    """The private sum that everything a device sends is a part of."""

    mode: Literal["secure", "ideal", "plain"]
    maximum_cohort: Annotated[int, Field(ge=2, le=4096)]
    corrupt_share: Annotated[float, Field(gt=0, le=0.2)]
    dropout_share: Annotated[float, Field(gt=0, le=0.3)]
    phase_seconds: Positive


class PrivacySettings(Section):
    """Differential privacy of what a device sends.

    User level: unit one person, neighbours have that person's vectors made zero, against a server that colludes with at
    most `sum.corrupt_share` of a cohort. Event level: unit one window, neighbours have one window emptied (zero-out).
    With `both` it holds against the same adversary and from the same noise, since each window's gradient is clipped.
    Noise of each device's own (`local_noise`) holds, for one window too, even where a server sees single answers.

    A budget is for a device's whole life. With a period there is a second one, for the answers of any so many days in a
    row: noise then follows from it, and a device answers again when older answers lie further back, until its life's
    budget is spent. The unit stays the same: all that a person ever did, or one window of it, whenever that was.
    """

    level: Literal["none", "event", "user", "both"]
    user_epsilon: Positive
    user_delta: Annotated[float, Field(gt=0, lt=0.1)]
    period_days: Annotated[int, Field(ge=0, le=36_600)]
    period_user_epsilon: Positive
    period_event_epsilon: Positive
    participations: Annotated[dict[Task, Annotated[int, Field(ge=1)]], Field(default_factory=dict)]
    shares: Annotated[dict[Task, Share], Field(default_factory=dict)]
    event_epsilon: Positive
    event_delta: Annotated[float, Field(gt=0, lt=0.1)]
    local_noise: Literal["auto", "on", "off"]
    local_epsilon: Positive

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if "update" in self.shares:
            raise ValueError("expected no shares.update, as updates have what the other tasks leave; leave it out")
        if sum(self.shares.values()) >= 1:
            raise ValueError(
                "shares: expected less than 1 together, the rest being the updates' share, got "
                f"{sum(self.shares.values()):g}"
            )
        return self

    @model_validator(mode="after")
    def _periods_within_a_life(self) -> Self:
        for name in ("user_epsilon", "event_epsilon"):
            life, period = getattr(self, name), getattr(self, f"period_{name}")
            if self.period_days and period > life:
                raise ValueError(
                    f"period_{name}: expected at most {name} = {life:g}, as a period is part of a life, got {period:g}"
                )
        if self.period_days and self.local_noise == "on":
            raise ValueError(
                "local_noise: expected 'off' or 'auto' with privacy.period_days, as its budget is for a device's life, "
                "got 'on'"
            )
        return self

    @model_validator(mode="after")
    def _noise_somewhere(self) -> Self:
        if self.level == "event" and self.local_noise != "on":
            raise ValueError(
                f"local_noise: expected 'on' with level = 'event', which has no other noise, got {self.local_noise!r}; "
                "take level = 'both' for noise that is shared over the cohort"
            )
        return self

    def share(self, task: Task) -> float:
        """Share of the user-level budget, in rho, that a task has: updates have what the others leave."""
        return 1 - sum(self.shares.values()) if task == "update" else self.shares.get(task, 0.0)

    def most_answers(self, task: Task) -> int:
        """How often a device answers a task in a period, at most; in its life where there are no periods.

        0 where the task has no share of the budget.
        """
        return self.participations.get(task, 1) if self.share(task) else 0

    @property
    def spread_epsilon(self) -> float:
        """The user level's epsilon that participations are spread over: that of a period, or of a life."""
        return self.period_user_epsilon if self.period_days else self.user_epsilon

    @property
    def spread_event_epsilon(self) -> float:
        """The event level's epsilon in the same time."""
        return self.period_event_epsilon if self.period_days else self.event_epsilon

    @property
    def span(self) -> str:
        """What participations and their epsilon are for, in words."""
        return f"any {self.period_days} days in a row" if self.period_days else "a device's whole life"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that have a share of the budget."""
        return tuple(task for task in TASKS if self.share(task))

    @property
    def user(self) -> bool:
        """Whether the promise is at user level, alone or with event level."""
        return self.level in ("user", "both")

    @property
    def event(self) -> bool:
        """Whether the promise is at event level, alone or with user level."""
        return self.level in ("event", "both")


class StatisticsSettings(Section):
    """The count of items, and of pairs of them."""

    items_per_device: Annotated[int, Field(ge=1)]
    pairs_of: Annotated[int, Field(ge=0, le=64)]
    shrinkage: Positive
    new_item_optimism: Annotated[float, Field(ge=0, le=10)]

    @property
    def pairs(self) -> int:
        """The most pairs that a device counts; 0 where none are counted."""
        return self.pairs_of * (self.pairs_of - 1) // 2


class EvaluationSettings(Section):
    """Federated metrics: each device ranks what it kept out of training, and sends how well that went."""

    every_rounds: Annotated[int, Field(ge=0)]
    patience: Annotated[int, Field(ge=0)]
    clients: Annotated[int, Field(ge=2)]
    negatives: Annotated[int, Field(ge=1)]
