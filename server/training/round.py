"""One round: what is asked, what came of it, and the step it gives. A skipped round changes nothing but its number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from server.aggregation import CohortCounts, SumRequest, SumResult
from server.training.optimizer import Mean, OptimizerState, ServerOptimizer, rate_in
from shared.federation import FederationFile
from shared.model import Layout, Vector
from shared.privacy import next_clip, read_indicator
from shared.round_parameters import derive_round_parameters, round_binding
from shared.tasks import Task


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Where a training stands.

    Attributes:
        round_number: rounds done, skipped ones included.
        vector: float32 [d].
        optimizer: its state after those rounds.
        clip_norm: C of the next update.
    """

    round_number: int
    vector: Vector
    optimizer: OptimizerState
    clip_norm: float


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What happened in a round.

    Attributes:
        number: 1-based; 0 for the count that comes before training. An evaluation has that of the update before it, 0
            before any.
        groups: parameter groups trained.
        selected, answered, not_yet, refused, rejected, late: devices, see `CohortCounts`.
        failed: devices by Flower's error code.
        skipped: too few answered, so nothing changed.
        seconds: wall clock of the round.
        upload_bytes: of the answers in the sum together.
        update_norm: L2 norm of the mean summand; 0 if skipped.
        metrics: of an evaluation, means over the devices, noise and all.
    """

    number: int
    task: Task
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
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_row(self) -> dict[str, str | int | float]:
        """Flat values for one line of `rounds.csv`."""
        row = asdict(self)
        row["groups"] = " ".join(self.groups)
        row["failed"] = sum(self.failed.values())
        row["failed_codes"] = " ".join(f"{code}:{count}" for code, count in self.failed.items())
        row["skipped"] = int(self.skipped)
        row["metrics"] = " ".join(f"{name}:{value:.4f}" for name, value in self.metrics.items())
        return row

    def to_json(self) -> dict[str, Any]:
        """Values that JSON can hold; `from_json` reads them back."""
        return asdict(self) | {"failed": {str(code): count for code, count in self.failed.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "RoundReport":
        """Read what `to_json` gave."""
        failed = {int(code): int(count) for code, count in content["failed"].items()}
        return cls(**{**content, "groups": tuple(content["groups"]), "failed": failed})


def request_for(
    federation: FederationFile,
    task: Task,
    release: str,
    round_number: int,
    dimension: int,
    registry: bytes,
    wanted: int,
    vector: Vector | None = None,
    clip_norm: float | None = None,
) -> SumRequest:
    """The question of a round.

    Args:
        federation: the terms of the federation.
        task: what devices are asked for: an update, statistics or an evaluation.
        release: digest of the release that the devices work under.
        round_number: training rounds count from 1; 0 comes before training.
        dimension: numbers in a summand.
        registry: Ed25519 public key that certifies devices.
        wanted: answers after which the others are late.
        vector: float32 [d], parameters to train from or to rank with, sent whole; None for a count.
        clip_norm: of an update, where it adapts.
    """
    groups = federation.trained_groups if task == "update" else ()
    sent = b"" if vector is None else vector.tobytes()
    subject = round_binding(task, federation.digest(), release, round_number, groups, sent)
    record: dict[str, str | int | list[str]] = {
        "task": task,
        "federation": federation.digest(),
        "release": release,
        "round": round_number,
        "groups": list(groups),
    }
    content = RecordDict({"round": ConfigRecord(dict(record))})
    if vector is not None:
        content["model"] = ArrayRecord({"vector": Array(vector)})
    return SumRequest(
        task,
        federation.digest(),
        round_number,
        content,
        derive_round_parameters(federation, task, round_number, dimension, subject, registry, clip_norm),
        wanted,
        min(federation.round.minimum_answers, wanted),
        federation.round.deadline_seconds,
        federation.round.straggler_seconds,
        # A device counts from its own answer: the first to answer must still hold what the next phase needs.
        federation.sum.phase_seconds / 2,
    )


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
        return TrainingState(number, state.vector, state.optimizer, state.clip_norm), 0.0
    count = result.tally.answered
    groups = federation.trained_groups
    noise_variance = result.noise_variance / count**2
    values, clip_norm, clipping = result.total / count, state.clip_norm, federation.clipping
    if clipping.adaptive_quantile:
        values, within = read_indicator(values, clip_norm, clipping.indicator_share)
        clip_norm = next_clip(clip_norm, within, clipping.adaptive_quantile, clipping.adaptive_rate)
    mean = Mean(groups, values, noise_variance)
    vector, optimized = optimizer.apply(layout, state.optimizer, state.vector, mean, rate_in(federation, number))
    return TrainingState(number, vector, optimized, clip_norm), float(np.linalg.norm(mean.values))


def report_of(
    request: SumRequest,
    groups: tuple[str, ...],
    result: SumResult,
    seconds: float,
    update_norm: float = 0.0,
    metrics: Mapping[str, float] = MappingProxyType({}),
) -> RoundReport:
    """The report of a finished round."""
    tally = result.tally
    return RoundReport(
        number=request.round_number,
        task=request.task,
        groups=groups,
        selected=tally.selected,
        answered=tally.answered,
        not_yet=tally.not_yet,
        refused=tally.refused,
        failed=tally.failed,
        rejected=tally.rejected,
        late=tally.late,
        skipped=result.total is None,
        seconds=seconds,
        upload_bytes=tally.upload_bytes,
        update_norm=update_norm,
        metrics=dict(metrics),
    )


def joined_sums(results: Sequence[SumResult]) -> SumResult:
    """Several sums as one; those that came to nothing are left out."""
    done = [result for result in results if result.total is not None]
    tallies = [result.tally for result in results]
    failed: Counter[int] = Counter()
    for tally in tallies:
        failed.update(tally.failed)
    tally = CohortCounts(
        selected=sum(tally.selected for tally in tallies),
        answered=sum(result.tally.answered for result in done),
        not_yet=sum(tally.not_yet for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        failed=dict(sorted(failed.items())),
        rejected=sum(tally.rejected for tally in tallies),
        late=sum(tally.late for tally in tallies),
        upload_bytes=sum(result.tally.upload_bytes for result in done),
    )
    totals = [result.total for result in done if result.total is not None]
    total = np.sum(totals, axis=0) if totals else None
    return SumResult(total, tally, sum(result.noise_variance for result in done))
