"""Masked sums whose contributions are computed together beforehand; all else each device does, message by message."""

from collections.abc import Sequence

import numpy as np
from flwr.serverapp import Grid

from client.secagg import Contribution
from server import Aggregator, Clock, CohortMember, SumRequest, SumResult
from simulations.cohort.cohort_sum import devices_of, round_request, vector_of
from simulations.cohort.shard import RoundWork
from simulations.cohort.shard_pool import ShardPool
from simulations.cohort.watched import WatchedAnswer, WatchedAnswers, WatchedGrid
from simulations.devices import PreparedContribution


class MaskedCohort:
    """An `Aggregator` for devices of this process that find their contributions prepared."""

    def __init__(
        self,
        secure: Aggregator,
        pool: ShardPool,
        prepared: dict[int, PreparedContribution],
        answers: WatchedAnswers | None = None,
    ) -> None:
        """Sum up by `secure`.

        Args:
            secure: the private sum.
            pool: of processes that prepare contributions.
            prepared: where devices find them.
            answers: gets one device's first answer to each task; nobody does when left out.
        """
        self._secure, self._pool, self._prepared, self._answers = secure, pool, prepared, answers

    def __repr__(self) -> str:
        return f"MaskedCohort({self._pool!r})"

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`."""
        devices, asked = devices_of(grid, cohort), round_request(request)
        work = RoundWork(asked, vector_of(request), request.terms, len(cohort))
        vectors, failures = self._pool.contributions(work, devices)
        for device, vector, failure in zip(devices, vectors, failures, strict=True):
            self._prepared[device] = asked, Contribution(vector), failure
        try:
            if self._answers is None or not self._answers.wants(request.task):
                return self._secure.sum(grid, cohort, request, clock)
            place = _first_able(failures)
            watched = WatchedGrid(grid, cohort[place].node)
            summed = self._secure.sum(watched, cohort, request, clock)
        finally:
            self._prepared.clear()
        words = self._pool.words(work, [devices[place]], 1).total.astype(np.uint32)
        answer = WatchedAnswer.of(request, len(cohort), vectors[place], words, watched.messages)
        if answer is not None:
            self._answers.keep(answer)
        return summed


def _first_able(failures: Sequence[str | None]) -> int:
    """Place of the first device that could compute something; of the first one, where none could."""
    return next((place for place, failure in enumerate(failures) if failure is None), 0)
