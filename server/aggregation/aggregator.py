"""The sum over a cohort: the interface, and the plain sum. No aggregator hands out a single device's vector."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from numpy.typing import NDArray

from server.aggregation.answer import Declined, Failed, read_answer
from server.aggregation.cohort import CohortMember
from server.aggregation.exchange import Clock, Exchange
from server.logs import log_line
from shared.errors import Corrupt
from shared.round_parameters import RoundParameters
from shared.secure_sum import PPM
from shared.tasks import Task


@dataclass(frozen=True, slots=True)
class SumRequest:
    """What is asked of a cohort.

    Attributes:
        task: what the sum is for.
        federation: digest of the terms that it is asked under.
        round_number: names the round in messages and logs.
        content: what each member receives.
        terms: of the round, as every member derives them too.
        wanted: answers after which the others are late.
        minimum: answers without which there is no sum.
        deadline_seconds: time for the work; later answers do not count.
        straggler_seconds: for which another answer is waited for where those still missing can be missed.
        phase_seconds: time for each later phase of a private sum.
    """

    task: Task
    federation: str
    round_number: int
    content: RecordDict
    terms: RoundParameters
    wanted: int
    minimum: int
    deadline_seconds: float
    straggler_seconds: float
    phase_seconds: float

    @property
    def length(self) -> int:
        """Numbers in a summand."""
        return self.terms.configuration.dimension

    def can_miss(self, missing: int, asked: int, answered: int) -> bool:
        """Whether a sum of those who have joined it need not wait long for the missing ones, of so many asked.

        So many as may drop out of a sum can be missed, and always one: else each device that goes away while it is
        asked would cost a small cohort the deadline. Who has not joined is in no roster, and takes nothing from what
        the sum survives later.
        """
        few = max(1, asked * self.terms.configuration.dropout_ppm // PPM)
        return missing <= few and answered >= self.minimum


@dataclass(frozen=True, slots=True)
class CohortCounts:
    """What became of each member of a cohort: the counts add up to `selected`.

    Attributes:
        answered: summands in the sum.
        not_yet: devices that are not set up to take part yet.
        refused: devices whose policy or budget said no.
        failed: error replies by Flower's error code.
        rejected: replies that were not what they must be.
        late: no answer within the deadline, or after enough had come.
        upload_bytes: of the summands in the sum together.
    """

    selected: int = 0
    answered: int = 0
    not_yet: int = 0
    refused: int = 0
    failed: Mapping[int, int] = field(default_factory=dict)
    rejected: int = 0
    late: int = 0
    upload_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SumResult:
    """A sum over `tally.answered` devices.

    Attributes:
        total: float64 [length]; None when fewer than the minimum answered.
        tally: what became of the cohort.
        noise_variance: of one coordinate of the total.
    """

    total: NDArray[np.float64] | None
    tally: CohortCounts
    noise_variance: float = 0.0


class Aggregator(Protocol):
    """Asks a cohort and returns the sum of its summands, the same whatever the order in which they came."""

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """Ask every member of `cohort` once; a member that fails in any way costs its own summand only."""
        ...


def group_of(request: SumRequest) -> str:
    """What names a round in Flower's messages."""
    return f"{request.task} {request.round_number}"


OPEN_UNITS = 2.0**40


class PlainSum:
    """The server sees each summand and adds it in fixed point (units of 2^-40), which is exact in any order."""

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`. Memory: one vector, however many devices answer."""
        total = np.zeros(request.length, np.int64)
        limit = open_limit(len(cohort))
        answered = rejected = upload_bytes = 0
        declined: Counter[str] = Counter()
        failed: Counter[int] = Counter()
        questions = [
            Message(
                request.content,
                member.node,
                "train.plain",
                ttl=request.deadline_seconds,
                group_id=group_of(request),
            )
            for member in cohort
        ]
        replies = Exchange(grid, questions, clock).replies(
            request.deadline_seconds,
            request.straggler_seconds,
            lambda missing: request.can_miss(missing, len(cohort), answered),
        )
        for node, reply in replies:
            try:
                answer = read_answer(reply, request.length, limit)
            except Corrupt as reason:
                rejected += 1
                log_line("answer-rejected", round=request.round_number, node=node, code=reason.code, reason=str(reason))
                continue
            if isinstance(answer, Failed):
                failed[answer.code] += 1
            elif isinstance(answer, Declined):
                declined[answer.status] += 1
            else:
                total += np.rint(answer.vector * np.float64(OPEN_UNITS)).astype(np.int64)
                answered += 1
                upload_bytes += answer.upload_bytes
                if answered == request.wanted:
                    break
        late = len(cohort) - answered - declined.total() - failed.total() - rejected
        tally = CohortCounts(
            len(cohort),
            answered,
            declined["not-yet"],
            declined["refused"],
            dict(sorted(failed.items())),
            rejected,
            late,
            upload_bytes,
        )
        if answered < max(request.minimum, 1):
            return SumResult(None, tally)
        return plain_result(total, tally, request)


def open_limit(members: int) -> float:
    """Largest absolute value of a number in the open, so that the sum of so many has room."""
    return 2.0**62 / OPEN_UNITS / max(members, 1)


def plain_result(units: NDArray[np.int64], tally: CohortCounts, request: SumRequest) -> SumResult:
    """What a sum in the open comes to, from its units of 2^-40, int64 [length]."""
    deviation = request.terms.local_noise_over_clip * request.terms.configuration.clip_norm
    return SumResult(units / OPEN_UNITS, tally, tally.answered * deviation**2)
