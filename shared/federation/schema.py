"""The federation file: one strict description of everything devices and the server must agree on.

It holds no path, no address, no secret and nothing that differs between two devices.
"""

import hashlib
import json
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.federation.groups import PARAMETER_GROUPS
from shared.federation.sections import (
    BackboneSettings,
    ClippingSettings,
    EvaluationSettings,
    InterestSection,
    ModelSettings,
    OptimizerSettings,
    PrivacySettings,
    RoundSettings,
    Section,
    StatisticsSettings,
    SumSettings,
    TrainingSettings,
    WindowSettings,
)
from shared.tasks import TASKS, Task


class FederationFile(Section):
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
        longest = max(self.answer_seconds(task, number) for task in TASKS for number in (1, self.training.rounds))
        if longest >= self.round.deadline_seconds:
            raise ValueError(
                f"round.answer_seconds: expected less than round.deadline_seconds = {self.round.deadline_seconds:g}, "
                f"got {longest:g}"
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

    def answer_seconds(self, task: Task, round_number: int) -> float:
        """How long after its question the answer to a round's first message leaves a device, whatever the work took."""
        if task == "update" and self.adapters_train_in(round_number):
            return self.round.adapter_answer_seconds
        return self.round.answer_seconds_of(task)

    def cohort_of(self, task: Task, round_number: int) -> int:
        """How many devices a round asks for an update or an evaluation, never fewer than have to answer."""
        training = self.training
        heads = training.clients_per_round
        updating = training.adapter_clients_per_round if self.adapters_train_in(round_number) else heads
        return max(updating if task == "update" else self.evaluation.clients, self.round.minimum_answers)

    def expected_windows(self, round_number: int) -> float:
        """How many windows a device trains on in a round (1-based), in expectation."""
        adapting = self.adapters_train_in(round_number)
        newest = self.training.adapter_windows if adapting else self.windows.per_device
        return newest * self.windows.sampling_probability

    def adapters_train_in(self, round_number: int) -> bool:
        """Whether the LoRA adapters move in this round (1-based)."""
        late = round_number > self.training.rounds - self.training.adapter_rounds
        return "adapters" in self.training.groups and late
