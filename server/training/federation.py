"""A whole training: the count before it, its rounds, its checkpoints. It sees sums over cohorts, no single answer."""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from flwr.serverapp import Grid

from server.aggregation import (
    Aggregator,
    Answered,
    Clock,
    CohortMember,
    Directory,
    IdealSum,
    NodeDirectory,
    OnPhase,
    PlainSum,
    RecordingAggregator,
    SecureSum,
    SumRequest,
    SumResult,
    forget_answered,
    forget_phase,
    sum_file_name,
)
from server.logs import log_line
from server.training.checkpoint import Checkpoint, TrainingId, load_checkpoint, save_checkpoint
from server.training.keeping import Kept, weigh
from server.training.optimizer import optimizer_for
from server.training.round import (
    RoundReport,
    TrainingState,
    advance,
    joined_sums,
    report_of,
    request_for,
)
from shared.arguments import PathArgument, path_of, path_or_none
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.item_statistics import ItemStatistics
from shared.metrics import MEASURES, decode_metrics
from shared.model import Layout, Vector
from shared.tasks import TASK_ROWS, Task

Publish = Callable[[ItemStatistics | None], str]
LastAnswered = Callable[[Task], int | None]
"""The last round of a task that any device has answered, as far as is known; None before the first."""

CHECKPOINT_NAME = "checkpoint.safetensors"


class RoundObserver(Protocol):
    """Told of every round, the count (number 0) included, just before the round's checkpoint is written.

    What an observer stores must be named by the round's number: after a crash between the two, the round is done again.
    """

    def on_round(self, report: RoundReport, vector: Vector) -> None:
        """A round is done; `vector` (float32 [d]) is what it led to and must not be changed."""
        ...


class Federation:
    """One training under one federation file, from its first round to its last, over as many processes as it takes.

    Example:
        >>> federation = Federation(
        ...     file, layout, start, items=items, folder=folder, publish=lambda statistics: "digest of the release"
        ... )
        >>> for report in federation.run(grid, until=2):
        ...     print(report.number, report.answered, report.skipped)
        1 4 False
        2 4 False
        >>> federation.round_number, federation.vector.shape == start.shape
        (2, True)
    """

    def __init__(
        self,
        file: FederationFile,
        layout: Layout,
        vector: Vector,
        *,
        items: int,
        folder: PathArgument,
        publish: Publish,
        seed: int = 0,
        resume: bool = False,
        registry: bytes = bytes(32),
        clock: Clock | None = None,
        line: str | None = None,
        earlier_terms: Collection[str] = (),
        revoked: Callable[[], frozenset[str]] = frozenset,
        answered: Answered = forget_answered,
        on_phase: OnPhase = forget_phase,
        last_answered: LastAnswered = lambda task: None,
        check_room: Callable[[], None] = lambda: None,
        aggregator: Aggregator | None = None,
        directory: Directory | None = None,
        sums: PathArgument | None = None,
    ) -> None:
        """Start a training, or go on with the one in `folder`.

        Args:
            file: the terms of the federation.
            layout: of the parameters: each group's place in the vector.
            vector: float32 [d], the parameters to start from.
            items: length of the catalogue.
            folder: where the checkpoint lies.
            publish: called with None at first and, when items were counted, with their statistics, also after a
                resumption; returns the digest of the release that devices then train under.
            seed: of the choice of cohorts.
            resume: go on from the checkpoint in `folder` if there is one.
            registry: Ed25519 public key that certifies the devices of private sums.
            clock: in which deadlines are measured.
            line: digest of the release that the training started from, where `publish` may give a later one; else it is
                the first that `publish` gives.
            earlier_terms: digests of federation files under which this training went on before.
            revoked: ids of devices that take no part, asked for again whenever it matters.
            answered: is told which devices are in a private sum (see `SecureSum`).
            on_phase: is told how far a private sum is (see `SecureSum`).
            last_answered: says which rounds devices do not answer any more.
            check_room: called before any device is asked; raises where what they give could not be kept.
            aggregator: adds up the answers of devices; left out, the one that the federation file names.
            directory: of the devices; left out, one that asks every node who it is.
            sums: folder where every sum is recorded (see `RecordingAggregator`); None keeps none.

        Raises:
            Misconfigured: the vector does not fit, a round would train nothing, or the folder holds a training and
                `resume` is off, or another training.
            Corrupt: the checkpoint is damaged.
        """
        if vector.shape != (layout.size,) or vector.dtype != np.float32:
            raise Misconfigured(
                f"vector: expected {layout.size} numbers in float32, got {vector.shape}, {vector.dtype}"
            )
        if not file.trained_groups:
            raise Misconfigured("training.groups: expected one that the model has, got none; add one")
        self.file = file
        self._layout = layout
        self._items = items
        self._publish = publish
        self._seed = seed
        self._registry = registry
        aggregator = aggregator or _aggregator_for(file, registry, revoked, answered, on_phase)
        self._recorded = path_or_none("sums", sums)
        self._aggregator = aggregator if self._recorded is None else RecordingAggregator(aggregator, self._recorded)
        self._last_answered, self._check_room = last_answered, check_room
        self._revoked = revoked
        self._clock = clock or Clock()
        self._optimizer = optimizer_for(file)
        self._directory = directory or NodeDirectory()
        self._release = publish(None)
        self._path = path_of("folder", folder) / CHECKPOINT_NAME
        identity = TrainingId(file.digest(), line or self._release, seed, layout.size)
        if not self._path.exists():
            start = TrainingState(0, vector.copy(), self._optimizer.init(layout), file.clipping.update_norm)
            self._at = Checkpoint(identity, start)
        elif resume:
            self._at = load_checkpoint(self._path, identity, earlier_terms)
            if self._at.statistics is not None:
                self._release = publish(self._at.statistics)
            log_line("resumed", round=self.round_number, federation=identity.federation[:12])
        else:
            raise Misconfigured(
                f"{self._path}: expected a folder without a training, got one; resume it or choose another"
            )

    def __repr__(self) -> str:
        return f"Federation({self.file.name!r}, round {self.round_number} of {self.file.training.rounds})"

    @property
    def round_number(self) -> int:
        """Rounds done so far, skipped ones included."""
        return self._at.state.round_number

    @property
    def vector(self) -> Vector:
        """The parameters now, float32 [d]: a copy."""
        return self._at.state.vector.copy()

    @property
    def released(self) -> tuple[Vector, int]:
        """The parameters to release, float32 [d], and after which round they were: see `server.training.keeping`."""
        kept, state = self._at.kept, self._at.state
        if kept is None or not kept.worse:
            return state.vector.copy(), state.round_number
        return kept.vector.copy(), kept.round_number

    @property
    def stopped(self) -> bool:
        """Whether evaluations have ended the training: `evaluation.patience` in a row found it clearly worse."""
        return 0 < self.file.evaluation.patience <= self.worse

    @property
    def worse(self) -> int:
        """Evaluations in a row that were clearly worse than the best before."""
        return 0 if self._at.kept is None else self._at.kept.worse

    @property
    def reports(self) -> tuple[RoundReport, ...]:
        """Reports of everything done so far, in order."""
        return self._at.reports

    def run(
        self, grid: Grid, observers: Sequence[RoundObserver] = (), until: int | None = None
    ) -> Iterator[RoundReport]:
        """Count, if the model wants popularity and no count was tried yet; then train to the last round, or `until`.

        It ends before that where evaluations say so: see `stopped`.
        """
        if self.file.model.popularity and not self._at.counted:
            yield self.count(grid, observers)[1]
        last = self.file.training.rounds if until is None else min(until, self.file.training.rounds)
        while not self.stopped:
            self._skip_lost_rounds(last)
            if self.round_number >= last:
                return
            yield self._round(grid, observers)

    def _skip_lost_rounds(self, last: int) -> None:
        """Go past rounds that devices have answered and whose sums are lost: no device answers a round twice."""
        done, answered = self.round_number, self._last_answered("update") or 0
        following = done
        while following < min(answered, last) and not self._is_recorded(following + 1):
            following += 1
        if following > done:
            self._at = replace(self._at, state=replace(self._at.state, round_number=following))
            save_checkpoint(self._path, self._at)
            log_line("rounds-lost", logging.WARNING, first=done + 1, last=following)

    def _is_recorded(self, number: int) -> bool:
        return self._recorded is not None and (self._recorded / sum_file_name("update", number)).exists()

    def count(self, grid: Grid, observers: Sequence[RoundObserver] = ()) -> tuple[ItemStatistics | None, RoundReport]:
        """Sum the counts of items and pairs of all devices there are, publish them, and write a checkpoint.

        More devices than a cohort may have are summed in several, each with noise of its own.

        Returns:
            What was counted, or None when too few devices answered; and the report, number 0.
        """
        started = time.perf_counter()
        members = self._members(grid)
        cohorts = -(-len(members) // self.file.sum.maximum_cohort) or 1
        results, dimension = [], TASK_ROWS["statistics"].dimension(self.file, self._items, 0)
        for start in range(cohorts):
            cohort = members[start::cohorts]
            request = self._request("statistics", 0, dimension, len(cohort))
            results.append(self._sum(grid, cohort, request))
        result = joined_sums(results)
        statistics = None
        if result.total is not None:
            statistics = ItemStatistics.of_sum(result.total, self._items, math.sqrt(result.noise_variance))
            self._release = self._publish(statistics)
        report = report_of(request, (), result, time.perf_counter() - started)
        self._close([report], self._at.state, statistics, observers, self._at.kept)
        return statistics, report

    def _round(self, grid: Grid, observers: Sequence[RoundObserver]) -> RoundReport:
        started = time.perf_counter()
        state = self._at.state
        number = state.round_number + 1
        groups = self.file.trained_groups
        wanted = self.file.cohort_of("update")
        asked, kept, reports = TASK_ROWS["evaluation"].rounds(self.file), self._at.kept, []
        if number == 1 and 0 in asked:
            reports.append(self._evaluate(grid, 0, state.vector))
            kept = weigh(kept, state.vector, 0, reports[-1].metrics)
        before = sum(report.selected for report in reports)
        request = self._request("update", number, self._layout.select(groups).size, wanted, state.vector)
        result = self._sum(grid, self._cohort(grid, "update", wanted), request)
        following, norm = advance(self.file, self._layout, self._optimizer, state, result)
        report = report_of(request, groups, result, time.perf_counter() - started, norm)
        reports.append(report)
        if number in asked:
            reports.append(self._evaluate(grid, number, following.vector, before))
            kept = weigh(kept, following.vector, number, reports[-1].metrics)
        self._close(reports, following, self._at.statistics, observers, kept)
        return report

    def _evaluate(self, grid: Grid, number: int, vector: Vector, asked: int = 0) -> RoundReport:
        """Metrics of these parameters on devices that kept something out of training. They change nothing here.

        In a round that has asked so many before for an evaluation, it is the turn of those after them.
        """
        started = time.perf_counter()
        wanted = self.file.cohort_of("evaluation")
        request = self._request("evaluation", number, MEASURES, wanted, vector)
        result = self._sum(grid, self._cohort(grid, "evaluation", wanted, asked), request)
        metrics = {}
        if result.total is not None:
            metrics = decode_metrics(result.total, math.sqrt(result.noise_variance))
        return report_of(request, (), result, time.perf_counter() - started, metrics=metrics)

    def _request(
        self, task: Task, number: int, dimension: int, wanted: int, vector: Vector | None = None
    ) -> SumRequest:
        return request_for(
            self.file,
            task,
            self._release,
            number,
            dimension,
            self._registry,
            wanted,
            vector,
            self._at.state.clip_norm,
        )

    def _cohort(self, grid: Grid, task: Task, wanted: int, more: int = 0) -> Sequence[CohortMember]:
        asked = more + sum(report.selected for report in self.reports if report.task == task)
        stream = f"{self._seed} {task}"
        return self._directory.cohort(self._members(grid), wanted, self.file.round.over_selection, stream, asked)

    def _members(self, grid: Grid) -> Sequence[CohortMember]:
        settings, revoked = self.file.round, self._revoked()
        return self._directory.wait_for(grid, settings.minimum_answers, settings.deadline_seconds, self._clock, revoked)

    def _sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest) -> SumResult:
        self._check_room()
        return self._aggregator.sum(grid, cohort, request, self._clock)

    def _close(
        self,
        reports: Sequence[RoundReport],
        state: TrainingState,
        statistics: ItemStatistics | None,
        observers: Sequence[RoundObserver],
        kept: Kept | None,
    ) -> None:
        """Log, tell the observers of what was no evaluation, then let the round count by writing its checkpoint."""
        for report in reports:
            level = logging.WARNING if report.skipped else logging.INFO
            log_line("round-skipped" if report.skipped else "round", level, **report.to_row())
        told = next(report for report in reports if report.task != "evaluation")
        for observer in observers:
            observer.on_round(told, state.vector)
        closed = Checkpoint(self._at.identity, state, (*self._at.reports, *reports), True, statistics, kept)
        save_checkpoint(self._path, closed)
        self._at = closed


def _aggregator_for(
    file: FederationFile,
    registry: bytes,
    revoked: Callable[[], frozenset[str]],
    answered: Answered,
    on_phase: OnPhase,
) -> Aggregator:
    match file.sum.mode:
        case "secure":
            return SecureSum(registry, revoked, answered, on_phase)
        case "ideal":
            return IdealSum()
        case "plain":
            return PlainSum()
