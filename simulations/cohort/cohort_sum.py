"""Sums without masks of a whole cohort at once, with the same words and the same ledgers as device by device.

An `Aggregator` that asks no device: it computes what each would send (`ShardWorker`), and writes down in each one's own
state what it would have written (`DeviceBooks`).
"""

from collections.abc import Sequence

import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp import Grid

from client import RoundRequest
from server import Clock, CohortCounts, CohortMember, SumRequest, SumResult
from server.aggregation import open_limit, plain_result, sum_result
from shared.charges import charges_of
from shared.federation import FederationFile
from shared.model import Vector
from simulations.cohort.device_books import DeviceBooks
from simulations.cohort.shard import RoundWork
from simulations.cohort.shard_pool import ShardPool
from simulations.devices import DeviceStates, InProcessGrid


class CohortSum:
    """The plain or the ideal sum of a federation, computed for all of a cohort's devices together."""

    def __init__(self, federation: FederationFile, states: DeviceStates, pool: ShardPool) -> None:
        """Sum over the devices of this process, whose states are these, in the processes of a pool."""
        self._federation, self._states, self._pool = federation, states, pool

    def __repr__(self) -> str:
        return f"CohortSum({self._pool!r})"

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`."""
        devices = devices_of(grid, cohort)
        asked, in_the_open = round_request(request), self._federation.sum.mode == "plain"
        configuration = request.terms.configuration
        charges = request.terms.charges
        if in_the_open:
            charges = charges_of(self._federation, request.task, None)
        books = DeviceBooks(self._federation, self._states, asked, charges, reserves=not in_the_open)
        able = [device for device in devices if books.affords(device)]
        wanted = min(len(able), request.wanted)
        fewest = max(request.minimum, 1) if in_the_open else configuration.minimum_cohort
        enough = wanted >= fewest
        members = wanted if enough and not in_the_open else 0
        summed = wanted if enough or in_the_open else 0
        limit = open_limit(len(cohort)) if in_the_open else np.inf
        done = self._pool.words(RoundWork(asked, vector_of(request), request.terms, members, limit), able, summed)
        for place, (device, failure) in enumerate(zip(able, done.failures, strict=True)):
            books.close(device, failure, in_the_open or place < summed)  # an open answer that comes late has come
        answered, each = summed - len(done.rejected), _bytes_of_one(request.length, in_the_open)
        counts = CohortCounts(
            selected=len(cohort),
            answered=answered,
            refused=len(devices) - len(able),
            rejected=len(done.rejected),
            late=len(able) - summed,
            upload_bytes=answered * each,
        )
        if answered < fewest:
            return SumResult(None, counts)
        if in_the_open:
            return plain_result(done.total.astype(np.int64), counts, request)
        units = (done.total % 2**32).astype(np.uint32).view(np.int32).astype(np.int64)
        parameters = configuration.for_cohort(members, request.terms.local_noise_over_clip)
        return sum_result(units, counts, parameters, request)


def devices_of(grid: Grid, cohort: Sequence[CohortMember]) -> list[int]:
    """Indices of the devices of a cohort, once those that were asked before have finished."""
    if not isinstance(grid, InProcessGrid):
        raise RuntimeError(f"cohort sum: expected devices of this process, got {type(grid).__name__}")
    grid.settle()
    return [grid.device_of(member.node) for member in cohort]


def round_request(request: SumRequest) -> RoundRequest:
    """The round as a device reads it from the message."""
    record = request.content.config_records["round"]
    groups = record["groups"]
    return RoundRequest(
        request.task,
        str(record["federation"]),
        str(record["release"]),
        request.round_number,
        tuple(str(group) for group in groups) if isinstance(groups, list) else (),
    )


def vector_of(request: SumRequest) -> Vector | None:
    """The parameters that are sent with a question, float32 [d_total]; None with a count."""
    model = request.content.get("model")
    return np.asarray(model["vector"].numpy(), np.float32) if isinstance(model, ArrayRecord) else None


def _bytes_of_one(length: int, in_the_open: bool) -> int:
    """Bytes of one device's answer."""
    return len(Array(np.zeros(length, np.float32)).data) if in_the_open else 4 * length
