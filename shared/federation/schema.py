"""The federation file: one strict description of everything devices and the server must agree on.

It holds no path, no address, no secret and nothing that differs between two devices.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from shared.federation.groups import GROUPS, PARAMETER_GROUPS, Group
from shared.tasks import TASKS, Task

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BlockName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
GroupName = Annotated[Group, WithJsonSchema({"type": "string", "enum": list(GROUPS)})]
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BackboneSettings(_Section):
    """The frozen transformer and how texts enter it."""

    name: str
    model_sha256: Digest
    tokenizer_sha256: Digest
    max_tokens: Annotated[int, Field(ge=4, le=512)]


class ModelSettings(_Section):
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
    features: Annotated[dict[BlockName, Annotated[int, Field(ge=0)]], Field(default_factory=dict)]
    lora_rank: Annotated[int, Field(ge=1, le=64)]
    lora_layers: Annotated[int, Field(ge=1)]
    lora_scale: Positive
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


class InterestSection(_Section):
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


class WindowSettings(_Section):
    """How a device cuts its log into the units that event-level privacy protects."""

    events: Annotated[int, Field(ge=2)]
    per_device: Annotated[int, Field(ge=1)]
    sampling_probability: Annotated[float, Field(gt=0, le=1)]
    minimum_events: Annotated[int, Field(ge=2)]
    negatives: Annotated[int, Field(ge=1)]
    negative_popularity: Share
    shown: Annotated[int, Field(ge=0)]


class ClippingSettings(_Section):
    """L2 bounds of what one window and one device may contribute."""

    window_norm: Positive
    update_norm: Positive
    adaptive_quantile: Annotated[float, Field(ge=0, lt=1)]
    adaptive_rate: Positive
    indicator_share: Annotated[float, Field(gt=0, lt=1)]
    group_shares: Annotated[dict[GroupName, Positive], Field(default_factory=dict)]


class TrainingSettings(_Section):
    """Which parameters move, in which rounds, with how many devices."""

    rounds: Annotated[int, Field(ge=1, le=1_000_000)]
    clients_per_round: Annotated[int, Field(ge=2)]  # a sum of one hides nobody
    groups: Annotated[tuple[GroupName, ...], Field(strict=False, min_length=1)]
    adapter_rounds: Annotated[int, Field(ge=0)]
    adapter_clients_per_round: Annotated[int, Field(ge=1)]
    adapter_windows: Annotated[int, Field(ge=1)]
    local_steps: Annotated[int, Field(ge=1, le=64)]
    local_learning_rate: Positive


class OptimizerSettings(_Section):
    """How the server turns the mean summand into a step."""

    name: Literal["fedavg", "fedavgm", "fedadam"]
    learning_rate: Positive
    final_rate: Share
    momentum: Annotated[float, Field(ge=0, lt=1)]
    second_moment_decay: Annotated[float, Field(ge=0, lt=1)]
    stability: Positive
    group_rates: Annotated[dict[GroupName, Annotated[float, Field(ge=0)]], Field(default_factory=dict)]


class RoundSettings(_Section):
    """When a round ends, and when it counts."""

    deadline_seconds: Positive
    over_selection: Annotated[float, Field(ge=1, le=4)]
    minimum_answers: Annotated[int, Field(ge=2)]


class SumSettings(_Section):
    """The private sum that everything a device sends is a part of."""

    mode: Literal["secure", "ideal", "plain"]
    maximum_cohort: Annotated[int, Field(ge=2, le=4096)]
    corrupt_share: Annotated[float, Field(gt=0, le=0.2)]
    dropout_share: Annotated[float, Field(gt=0, le=0.3)]
    phase_seconds: Positive


class PrivacySettings(_Section):
    """Differential privacy of what a device sends.

    User level: unit one person, neighbours have that person's vectors made zero, against a server that colludes with at
    most `sum.corrupt_share` of a cohort. Event level: unit one window, neighbours have one window emptied (zero-out).
    With `both` it holds against the same adversary and from the same noise, since each window's gradient is clipped.
    Noise of each device's own (`event_noise_multiplier`) holds for updates even where a server sees a single one.

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
    event_noise_multiplier: Annotated[float, Field(ge=0)]
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
        return self

    @model_validator(mode="after")
    def _noise_somewhere(self) -> Self:
        if self.level == "event" and not self.event_noise_multiplier:
            raise ValueError(
                "event_noise_multiplier: expected above 0 with level = 'event', which has no other noise, got 0; "
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

    @property
    def local(self) -> bool:
        """Whether each device adds event-level noise of its own to its updates."""
        return self.event and self.event_noise_multiplier > 0


class StatisticsSettings(_Section):
    """The popularity count."""

    items_per_device: Annotated[int, Field(ge=1)]
    shrinkage: Positive
    new_item_optimism: Annotated[float, Field(ge=0, le=10)]


class EvaluationSettings(_Section):
    """Federated metrics: each device ranks what it kept out of training, and sends how well that went."""

    every_rounds: Annotated[int, Field(ge=0)]
    clients: Annotated[int, Field(ge=2)]
    negatives: Annotated[int, Field(ge=1)]


class FederationFile(_Section):
    """The whole file. Unknown keys, wrong types and impossible mixes are refused, naming the key.

    `canonical_bytes` is the form that is hashed and, later, signed.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    backbone: BackboneSettings
    model: ModelSettings
    interest: InterestSection
    windows: WindowSettings
    clipping: ClippingSettings
    training: TrainingSettings
    optimizer: OptimizerSettings
    round: RoundSettings
    sum: SumSettings
    privacy: PrivacySettings
    statistics: StatisticsSettings
    evaluation: EvaluationSettings

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for asked, value, group in (
            (self.interest.evolution != "forgetting", f"evolution = {self.interest.evolution}", "evolution"),
            (self.interest.context, "context = true", "context"),
        ):
            if asked and group not in self.training.groups:
                raise ValueError(
                    f"training.groups: expected {group} among them, as interest.{value}, got "
                    f"{', '.join(self.training.groups)}"
                )
        if self.windows.minimum_events > self.windows.events * self.windows.per_device:
            raise ValueError(
                "windows.minimum_events: expected at most windows.events * windows.per_device "
                f"= {self.windows.events * self.windows.per_device}, got {self.windows.minimum_events}"
            )
        if self.privacy.event and self.windows.minimum_events > 2:
            raise ValueError(
                f"windows.minimum_events: expected 2 with privacy.level = {self.privacy.level!r} (emptying one window "
                f"must not silence the others), got {self.windows.minimum_events}"
            )
        if self.privacy.event and self.training.local_steps > 1:
            raise ValueError(
                f"training.local_steps: expected 1 with privacy.level = {self.privacy.level!r} (each step would need "
                f"its own noise), got {self.training.local_steps}"
            )
        if self.privacy.user and self.sum.mode == "plain":
            raise ValueError(
                f"sum.mode: expected secure (or ideal, in simulations) with privacy.level = {self.privacy.level!r}, "
                "whose noise is spread over the cohort, got plain"
            )
        if self.clipping.adaptive_quantile and (self.privacy.event or self.sum.mode == "plain"):
            raise ValueError(
                "clipping.adaptive_quantile: expected 0 with event-level privacy, whose noise does not cover what a "
                f"device says of its norm, and with a plain sum, got {self.clipping.adaptive_quantile}"
            )
        if self.round.minimum_answers > self.sum.maximum_cohort:
            raise ValueError(
                f"round.minimum_answers: expected at most sum.maximum_cohort = {self.sum.maximum_cohort}, "
                f"got {self.round.minimum_answers}"
            )
        if self.training.adapter_rounds > self.training.rounds:
            raise ValueError(
                f"training.adapter_rounds: expected at most training.rounds = {self.training.rounds}, "
                f"got {self.training.adapter_rounds}"
            )
        if self.round.minimum_answers > self.training.clients_per_round:
            raise ValueError(
                "round.minimum_answers: expected at most training.clients_per_round "
                f"= {self.training.clients_per_round}, got {self.round.minimum_answers}"
            )
        return self

    def canonical_bytes(self) -> bytes:
        """UTF-8 JSON, keys sorted, no spaces: equal files give equal bytes whatever their comments and order."""
        content = self.model_dump(mode="json")
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hexadecimal."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()

    @property
    def heads(self) -> tuple[str, ...]:
        """The trained groups above the encoder, in canonical order; those of parts left out do not exist."""
        return tuple(
            group.name
            for group in PARAMETER_GROUPS
            if group.parameters is not None
            and group.name in self.training.groups
            and (not group.view or group.view in self.model.views)
            and (group.exists is None or group.exists(self))
        )

    def groups_in(self, round_number: int) -> tuple[str, ...]:
        """Groups trained in a round (1-based): the heads first, the adapters in the last `adapter_rounds`.

        Never both: the few devices that can pay for the encoder would make the heads noisier than they were.
        """
        return ("adapters",) if self.adapters_train_in(round_number) else self.heads

    def expected_windows(self, round_number: int) -> float:
        """How many windows a device trains on in a round (1-based), in expectation."""
        adapting = self.adapters_train_in(round_number)
        newest = self.training.adapter_windows if adapting else self.windows.per_device
        return newest * self.windows.sampling_probability

    def adapters_train_in(self, round_number: int) -> bool:
        """Whether the LoRA adapters move in this round (1-based)."""
        late = round_number > self.training.rounds - self.training.adapter_rounds
        return "adapters" in self.training.groups and late
