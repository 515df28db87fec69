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
        if self.windows.only_shown and not self.windows.shown:
            raise ValueError("windows.shown: expected 1 and more with windows.only_shown = true, got 0")
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
        longest = max(self.round.answer_seconds_of(task) for task in TASKS)
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
    def trained_groups(self) -> tuple[str, ...]:
        """The groups that every round trains, in canonical order; those of parts left out do not exist."""
        return tuple(
            group.name
            for group in PARAMETER_GROUPS
            if group.name in self.training.groups
            and (not group.view or group.view in self.model.views)
            and (group.exists is None or group.exists(self))
        )

    @property
    def adapter_rank(self) -> int:
        """Rank r of the encoder's adapter; 0 where it is not trained, and the encoder carries none."""
        return self.model.lora_rank if "adapters" in self.training.groups else 0

    def cohort_of(self, task: Task) -> int:
        """How many devices an update or an evaluation asks, never fewer than have to answer."""
        wanted = self.training.clients_per_round if task == "update" else self.evaluation.clients
        return max(wanted, self.round.minimum_answers)

    @property
    def expected_windows(self) -> float:
        """How many windows a device trains on in a round, in expectation."""
        return self.windows.per_device * self.windows.sampling_probability
