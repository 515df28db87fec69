"""A whole training: the count before it, its rounds, its checkpoints. It sees sums over cohorts, no single answer."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray

from server.aggregator import Aggregator, PlainSum, SumRequest, SumResult
from server.checkpoint import Checkpoint, Identity, load_checkpoint, save_checkpoint
from server.cohort import Member, Roster, choose
from server.exchange import Clock
from server.logs import log_line
from server.optimizer import optimizer_for
from server.round import RoundReport, TrainingState, advance, report_of, statistics_request, update_request
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model import Layout, Vector

Counts = NDArray[np.float64]
Publish = Callable[[Counts | None], str]

CHECKPOINT_NAME = "checkpoint.safetensors"


class RoundObserver(Protocol):
    """Told of every round, the count (number 0) included, just before the round's checkpoint is written.

    What an observer stores must be named by the round's number: after a crash between the two, the round is done again.
    """

    def on_round(self, report: RoundReport, vector: Vector) -> None:
        """A round is done; `vector` (float32 [d]) is what it led to and must not be changed."""
        ...


class Federation:
    """One training under one federation file, from its first round to its last, over as many processes as it takes."""

    def __init__(
        self,
        file: FederationFile,
        layout: Layout,
        vector: Vector,
        *,
        items: int,
        folder: Path,
        publish: Publish,
        seed: int = 0,
        resume: bool = False,
        aggregator: Aggregator | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Start a training, or go on with the one in `folder`.

        Args:
            vector: float32 [d], the parameters to start from.
            items: length of the catalogue.
            folder: where the checkpoint lies.
            publish: called with no counts at first and with the item counts (float64 [items]) when there are some, also
                after a resumption; returns the digest of the release that devices then train under.
            seed: of the choice of cohorts.
            resume: go on from the checkpoint in `folder` if there is one.
            aggregator: makes the sums; plain by default.
            clock: in which deadlines are measured.

        Raises:
            Misconfigured: the vector does not fit, a round would train nothing, or the folder holds a training and
                `resume` is off, or another training.
            Corrupt: the checkpoint is damaged.
        """
        if vector.shape != (layout.size,) or vector.dtype != np.float32:
            raise Misconfigured(
                f"vector: expected {layout.size} numbers in float32, got {vector.shape}, {vector.dtype}"
            )
        for number in range(1, file.training.rounds + 1):
            if not file.groups_in(number):
                raise Misconfigured(f"training.groups: expected some to train in round {number}, got none; add one")
        self.file = file
        self._layout = layout
        self._items = items
        self._publish = publish
        self._seed = seed
        self._aggregator = aggregator or PlainSum()
        self._clock = clock or Clock()
        self._optimizer = optimizer_for(file)
        self._roster = Roster()
        self._release = publish(None)
        self._path = folder / CHECKPOINT_NAME
        identity = Identity(file.digest(), self._release, seed, layout.size)
        if not self._path.exists():
            start = TrainingState(0, vector.copy(), self._optimizer.init(layout))
            self._at = Checkpoint(identity, start)
        elif resume:
            self._at = load_checkpoint(self._path, identity)
            if self._at.counts is not None:
                self._release = publish(self._at.counts)
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
    def reports(self) -> tuple[RoundReport, ...]:
        """Reports of everything done so far, in order."""
        return self._at.reports

    def run(
        self, grid: Grid, observers: Sequence[RoundObserver] = (), until: int | None = None
    ) -> Iterator[RoundReport]:
        """Count, if the model wants popularity and no count was tried yet; then train to the last round, or `until`."""
        if self.file.model.popularity and not self._at.counted:
            yield self.count(grid, observers)[1]
        last = self.file.training.rounds if until is None else min(until, self.file.training.rounds)
        while self.round_number < last:
            yield self._round(grid, observers)

    def count(self, grid: Grid, observers: Sequence[RoundObserver] = ()) -> tuple[Counts | None, RoundReport]:
        """Sum the item counts of all devices there are, publish them, and write a checkpoint.

        Returns:
            float64 [items], or None when too few devices answered; and the report, number 0.
        """
        started = time.perf_counter()
        members = self._members(grid)
        request = statistics_request(self.file, self._release, self._items, len(members))
        result = self._sum(grid, members, request)
        if result.total is not None:
            self._release = self._publish(result.total)
        seconds = time.perf_counter() - started
        report = report_of(request, (), result.tally, seconds, 0.0, result.total is None)
        self._close(report, self._at.state, result.total, observers)
        return result.total, report

    def _round(self, grid: Grid, observers: Sequence[RoundObserver]) -> RoundReport:
        started = time.perf_counter()
        state = self._at.state
        number = state.round_number + 1
        request = update_request(self.file, self._layout, self._release, state.vector, number)
        members = self._members(grid)
        cohort = choose(members, request.wanted, self.file.round.over_selection, self._seed, number)
        result = self._sum(grid, cohort, request)
        following, norm = advance(self.file, self._layout, self._optimizer, state, result)
        seconds = time.perf_counter() - started
        groups = self.file.groups_in(number)
        report = report_of(request, groups, result.tally, seconds, norm, result.total is None)
        self._close(report, following, self._at.counts, observers)
        return report

    def _members(self, grid: Grid) -> list[Member]:
        settings = self.file.round
        return self._roster.wait_for(grid, settings.minimum_answers, settings.deadline_seconds, self._clock)

    def _sum(self, grid: Grid, cohort: Sequence[Member], request: SumRequest) -> SumResult:
        return self._aggregator.sum(grid, cohort, request, self._clock)

    def _close(
        self, report: RoundReport, state: TrainingState, counts: Counts | None, observers: Sequence[RoundObserver]
    ) -> None:
        """Log, tell the observers, then let the round count by writing its checkpoint."""
        row = report.to_row()
        log_line(
            "round-skipped" if report.skipped else "round", logging.WARNING if report.skipped else logging.INFO, **row
        )
        for observer in observers:
            observer.on_round(report, state.vector)
        closed = Checkpoint(self._at.identity, state, (*self._at.reports, report), True, counts)
        save_checkpoint(self._path, closed)
        self._at = closed
