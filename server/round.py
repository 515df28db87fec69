"""One round: what is asked, what came of it, and the step it gives. A skipped round changes nothing but its number."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from server.aggregator import SumRequest, SumResult, Tally
from server.optimizer import Mean, OptimizerState, ServerOptimizer, rate_in
from shared.federation import FederationFile
from shared.model import Layout, Vector


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Where a training stands.

    Attributes:
        round_number: rounds done, skipped ones included.
        vector: float32 [d].
        optimizer: its state after those rounds.
    """

    round_number: int
    vector: Vector
    optimizer: OptimizerState


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What happened in a round.

    Attributes:
        number: 1-based; 0 for the count that comes before training.
        task: "update" or "statistics".
        groups: parameter groups trained.
        selected, answered, not_yet, refused, rejected, late: devices, see `Tally`.
        failed: devices by Flower's error code.
        skipped: too few answered, so nothing changed.
        seconds: wall clock of the round.
        upload_bytes: of the answers in the sum together.
        update_norm: L2 norm of the mean summand; 0 if skipped.
    """

    number: int
    task: Literal["update", "statistics"]
    groups: tuple[str, ...]
    selected: int
    answered: int
    not_yet: int
    refused: int
    failed: Mapping[int, int]
    rejected: int
    late: int
    skipped: bool
    seconds: float
    upload_bytes: int
    update_norm: float

    def to_row(self) -> dict[str, str | int | float]:
        """Flat values for one line of `rounds.csv`."""
        row = asdict(self)
        row["groups"] = " ".join(self.groups)
        row["failed"] = sum(self.failed.values())
        row["failed_codes"] = " ".join(f"{code}:{count}" for code, count in self.failed.items())
        row["skipped"] = int(self.skipped)
        return row

    def to_json(self) -> dict[str, Any]:
        """Values that JSON can hold; `from_json` reads them back."""
        return asdict(self) | {"failed": {str(code): count for code, count in self.failed.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RoundReport":
        """Read what `to_json` gave."""
        failed = {int(code): int(count) for code, count in content["failed"].items()}
        return cls(**{**content, "groups": tuple(content["groups"]), "failed": failed})


def clients_in(federation: FederationFile, round_number: int) -> int:
    """Answers wanted in a round (1-based)."""
    training = federation.training
    adapting = federation.adapters_train_in(round_number)
    return training.adapter_clients_per_round if adapting else training.clients_per_round


def update_request(
    federation: FederationFile, layout: Layout, release: str, vector: Vector, round_number: int
) -> SumRequest:
    """The question of a training round.

    Args:
        release: digest of the release that the devices train under.
        vector: float32 [d], sent whole.
    """
    groups = federation.groups_in(round_number)
    content = RecordDict(
        {
            "round": _round_record(federation, release, round_number, groups),
            "model": ArrayRecord({"vector": Array(vector)}),
        }
    )
    wanted = clients_in(federation, round_number)
    return SumRequest(
        "train.update",
        round_number,
        content,
        layout.select(groups).size,
        wanted,
        min(federation.round.minimum_answers, wanted),
        federation.round.deadline_seconds,
    )


def statistics_request(federation: FederationFile, release: str, items: int, devices: int) -> SumRequest:
    """The question for item counts, to all `devices`, before training."""
    content = RecordDict({"round": _round_record(federation, release, 0, ())})
    return SumRequest(
        "query.statistics",
        0,
        content,
        items,
        devices,
        federation.round.minimum_answers,
        federation.round.deadline_seconds,
    )


def event_noise_variance(federation: FederationFile, round_number: int) -> float:
    """Variance that event-level noise gives one coordinate of one device's update in a round (1-based)."""
    if federation.privacy.level == "none":
        return 0.0
    windows = federation.windows
    newest = federation.training.adapter_windows if federation.adapters_train_in(round_number) else windows.per_device
    expected_windows = newest * windows.sampling_probability
    deviation = federation.privacy.event_noise_multiplier * federation.clipping.window_norm / expected_windows
    return (federation.training.local_learning_rate * deviation) ** 2


def advance(
    federation: FederationFile,
    layout: Layout,
    optimizer: ServerOptimizer,
    state: TrainingState,
    result: SumResult,
) -> tuple[TrainingState, float]:
    """The state after the next round, and the L2 norm of the mean summand; without a sum only the number moves."""
    number = state.round_number + 1
    if result.total is None:
        return TrainingState(number, state.vector, state.optimizer), 0.0
    count = result.tally.answered
    noise_variance = event_noise_variance(federation, number) / count + result.noise_variance / count**2
    mean = Mean(federation.groups_in(number), result.total / count, noise_variance)
    vector, optimized = optimizer.apply(layout, state.optimizer, state.vector, mean, rate_in(federation, number))
    return TrainingState(number, vector, optimized), float(np.linalg.norm(mean.values))


def report_of(
    request: SumRequest, groups: tuple[str, ...], tally: Tally, seconds: float, update_norm: float, skipped: bool
) -> RoundReport:
    """The report of a finished round."""
    return RoundReport(
        number=request.round_number,
        task="update" if request.message_type == "train.update" else "statistics",
        groups=groups,
        selected=tally.selected,
        answered=tally.answered,
        not_yet=tally.not_yet,
        refused=tally.refused,
        failed=tally.failed,
        rejected=tally.rejected,
        late=tally.late,
        skipped=skipped,
        seconds=seconds,
        upload_bytes=tally.upload_bytes,
        update_norm=update_norm,
    )


def _round_record(federation: FederationFile, release: str, round_number: int, groups: tuple[str, ...]) -> ConfigRecord:
    return ConfigRecord(
        {"federation": federation.digest(), "release": release, "round": round_number, "groups": list(groups)}
    )
