"""Private sums over Flower: moves messages between a cohort and the collector, within deadlines. It reads none of them.

The ideal sum, for simulations, is what the secure one amounts to: the same noised words, added without masks.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid
from numpy.typing import NDArray

from server.aggregation.aggregator import CohortCounts, SumRequest, SumResult, group_of
from server.aggregation.answer import Declined, Failed, read_message
from server.aggregation.cohort import CohortMember
from server.aggregation.collector import SecAggServer
from server.aggregation.exchange import Clock, Exchange
from server.logs import log_line
from shared.errors import Corrupt, NotYet, Refused
from shared.secure_sum import RoundConfiguration, SumParameters
from shared.tasks import Task

_JOIN = "train.join"

Take = Callable[[CohortMember, bytes], None]
Answered = Callable[[Task, int, Collection[str]], None]
"""Told the task, the round's number and the ids of devices that have answered it."""


class Phase(NamedTuple):
    """How far a private sum is.

    Attributes:
        task: what the sum is for.
        round_number: of the training.
        name: of the message that the phase waits for answers to.
        asked: devices asked in this phase.
        through: devices that have come through it; None while it goes on.
    """

    task: Task
    round_number: int
    name: str
    asked: int
    through: int | None


OnPhase = Callable[[Phase], None]


def forget_phase(phase: Phase) -> None:
    """Where nobody follows a sum."""


def forget_answered(task: Task, round_number: int, devices: Collection[str]) -> None:
    """Where nobody counts answers."""


class SecureSum:
    """FEDREC-SA/1: this server sees masked words, and of them only the sum (see `SecAggServer`)."""

    def __init__(
        self,
        registry: bytes,
        revoked: Callable[[], frozenset[str]] = frozenset,
        answered: Answered = forget_answered,
        on_phase: OnPhase = forget_phase,
    ) -> None:
        """Set a sum up.

        Args:
            registry: Ed25519 public key that certifies the devices that are summed over.
            revoked: ids of those whose certificates count no more.
            answered: is told which devices' vectors are in a sum, before it is unmasked; what it keeps must be on disk
                when it returns.
            on_phase: is told of each phase when it begins and when it is over.
        """
        self._registry, self._revoked, self._answered = registry, revoked, answered
        self._on_phase = on_phase

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`. Memory: one vector, and what is needed to unmask it."""
        calls = _Calls(grid, cohort, request, clock, self._on_phase)
        terms = request.terms
        collector = SecAggServer(terms.configuration, self._registry, clock.wall(), terms.local_noise_over_clip)

        def join_sum(member: CohortMember, content: bytes) -> None:
            if content[:16].hex() != member.device:
                raise Corrupt("advert: expected the device that this node named before, got another")
            if member.device in self._revoked():
                raise Refused(
                    f"advert: expected a member, got device {member.device}, which is revoked", code="device-revoked"
                )
            collector.advert(content)

        def of(take: Callable[[bytes, bytes], None]) -> Take:
            return lambda member, content: take(bytes.fromhex(member.device), content)

        try:
            present = calls.advertise(join_sum)
            roster = collector.close_advertising()
            present = calls.ask("share", present, lambda _: {"roster": roster}, of(collector.envelopes))
            u1 = collector.close_sharing()
            present = calls.ask(
                "mask",
                present,
                lambda member: {"u1": u1, "inbox": collector.inbox(bytes.fromhex(member.device))},
                of(collector.vector),
            )
            u2, signatures = collector.close_masking()
            self._answered(request.task, request.round_number, [member.device for member in present])
            agreed = calls.ask(
                "agree", present, lambda _: {"u2": u2, "signatures": signatures}, of(collector.agreement)
            )
            agreements = collector.close_agreeing()
            calls.ask("unmask", agreed, lambda _: {"agreements": agreements}, of(collector.shares))
            collected = collector.result()
        except NotYet as reason:
            log_line(
                "sum-abandoned", round=request.round_number, task=request.task, code=reason.code, reason=str(reason)
            )
            return SumResult(None, calls.tally(()))
        for culprit in collected.culprits:
            log_line("wrong-shares", round=request.round_number, member=culprit.member, shares=culprit.wrong_shares)
        return sum_result(collected.units, calls.tally(present), collected.parameters, request)


class IdealSum:
    """The ideal functionality of the secure sum, bit for bit: for large simulations, and for nothing else."""

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`."""
        calls = _Calls(grid, cohort, request, clock)
        configuration = request.terms.configuration
        total = np.zeros(configuration.dimension, np.uint32)

        def nothing(member: CohortMember, content: bytes) -> None:
            if content:
                raise Corrupt(f"join: expected no bytes in the ideal sum, got {len(content)}")

        def add(member: CohortMember, content: bytes) -> None:
            if len(content) != 4 * len(total):
                raise Corrupt(f"words: expected {4 * len(total)} bytes, got {len(content)}")
            np.add(total, np.frombuffer(content, "<u4"), out=total)

        joined = calls.advertise(nothing)
        if len(joined) < configuration.minimum_cohort:
            return SumResult(None, calls.tally(()))
        parameters = configuration.for_cohort(len(joined), request.terms.local_noise_over_clip)
        present = calls.ask("reveal", joined, lambda _: {"cohort": len(joined)}, add)
        if len(present) < parameters.minimum_survivors:
            return SumResult(None, calls.tally(()))
        return sum_result(total.astype(np.int32).astype(np.int64), calls.tally(present), parameters, request)


class _Calls:
    """Questions of one sum, and what became of each member."""

    def __init__(
        self,
        grid: Grid,
        cohort: Sequence[CohortMember],
        request: SumRequest,
        clock: Clock,
        on_phase: OnPhase = forget_phase,
    ) -> None:
        self._grid, self._cohort, self._request, self._clock = grid, cohort, request, clock
        self._on_phase = on_phase
        self._ch = request.terms.configuration.digest()
        self._declined: dict[int, str] = {}
        self._failed: dict[int, int] = {}
        self._rejected: set[int] = set()
        self._bytes: Counter[int] = Counter()

    def advertise(self, take: Take) -> list[CohortMember]:
        """Phase 0: everybody works; the first `wanted` that are done make up the cohort."""
        content = RecordDict(dict(self._request.content))
        content["sum"] = ConfigRecord({"configuration": self._request.terms.configuration.encode()})
        questions = dict.fromkeys(self._cohort, content)
        return self._exchange(_JOIN, questions, self._request.deadline_seconds, take, self._request.wanted)

    def ask(
        self,
        phase: str,
        members: Iterable[CohortMember],
        parts: Callable[[CohortMember], dict[str, bytes | int]],
        take: Take,
    ) -> list[CohortMember]:
        """A later phase: those of `members` that came through it."""
        questions = {
            member: RecordDict({"sum": ConfigRecord({"round": self._ch, **parts(member)})}) for member in members
        }
        return self._exchange(f"query.{phase}", questions, self._request.phase_seconds, take, len(questions))

    def _exchange(
        self, message_type: str, questions: dict[CohortMember, RecordDict], seconds: float, take: Take, wanted: int
    ) -> list[CohortMember]:
        members = {member.node: member for member in questions}
        messages = [
            Message(content, member.node, message_type, ttl=seconds, group_id=group_of(self._request))
            for member, content in questions.items()
        ]
        through: list[CohortMember] = []
        started = self._clock.now()
        phase = Phase(self._request.task, self._request.round_number, message_type, len(questions), None)
        self._on_phase(phase)
        # Who joins no sum costs nothing. Later, each that is missing takes from what the sum survives, and devices have
        # paid: so there everybody has all the time there is.
        joining = message_type == _JOIN
        replies = Exchange(self._grid, messages, self._clock).replies(
            seconds,
            self._request.straggler_seconds if joining else math.inf,
            lambda missing: self._request.can_miss(missing, len(questions), len(through)),
        )
        for node, reply in replies:
            try:
                answer = read_message(reply)
                if isinstance(answer, Failed):
                    self._failed[node] = answer.code
                elif isinstance(answer, Declined):
                    self._declined[node] = answer.status
                else:
                    take(members[node], answer)
                    self._bytes[node] += len(answer)
                    through.append(members[node])
                    if len(through) == wanted:
                        break
            except (Corrupt, Refused) as reason:
                self._rejected.add(node)
                log_line(
                    "answer-rejected", round=self._request.round_number, node=node, code=reason.code, reason=str(reason)
                )
        self._on_phase(phase._replace(through=len(through)))
        log_line(
            "phase",
            round=self._request.round_number,
            task=self._request.task,
            name=message_type,
            asked=len(questions),
            through=len(through),
            seconds=self._clock.now() - started,
        )
        return through

    def tally(self, summed: Sequence[CohortMember]) -> CohortCounts:
        """What became of everybody, when these members' vectors are in the sum."""
        inside = {member.node for member in summed}
        others = [member.node for member in self._cohort if member.node not in inside]
        declined = Counter(self._declined[node] for node in others if node in self._declined)
        failed = Counter(self._failed[node] for node in others if node in self._failed)
        rejected = sum(node in self._rejected for node in others)
        late = len(others) - declined.total() - failed.total() - rejected
        return CohortCounts(
            selected=len(self._cohort),
            answered=len(inside),
            not_yet=declined["not-yet"],
            refused=declined["refused"],
            failed=dict(sorted(failed.items())),
            rejected=rejected,
            late=late,
            upload_bytes=sum(self._bytes[node] for node in inside),
        )


def sum_result(
    units: NDArray[np.int64], tally: CohortCounts, parameters: SumParameters, request: SumRequest
) -> SumResult:
    """What a private sum comes to, from its units, int64 [length]."""
    configuration: RoundConfiguration = request.terms.configuration
    one = float(configuration.clip_norm / parameters.scale)
    each = parameters.variance + parameters.local_variance
    return SumResult(units.astype(np.float64) * one, tally, tally.answered * each * one**2)
