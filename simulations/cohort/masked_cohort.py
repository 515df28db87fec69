"""Masked sums whose contributions are computed together beforehand; all else each device does, message by message."""

from collections.abc import Sequence

from flwr.serverapp import Grid

from client.secagg import Contribution
from server import Aggregator, Clock, CohortMember, SumRequest, SumResult
from simulations.cohort.cohort_sum import devices_of, round_request, vector_of
from simulations.cohort.shard import RoundWork
from simulations.cohort.shard_pool import ShardPool
from simulations.devices import PreparedContribution


class MaskedCohort:
    """An `Aggregator` for devices of this process that find their contributions prepared."""

    def __init__(self, secure: Aggregator, pool: ShardPool, prepared: dict[int, PreparedContribution]) -> None:
        """Prepare contributions in the processes of a pool, where devices find them, and sum them up by `secure`."""
        self._secure, self._pool, self._prepared = secure, pool, prepared

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
            return self._secure.sum(grid, cohort, request, clock)
        finally:
            self._prepared.clear()
