"""Stands for the device in a process that must not train: a process that lasts as long as its round does all the work.

The secrets of a round are in that process's memory alone and go with it: at its last message, a refusal, or a time-out.
The operating system takes the pages back; that they are overwritten at once is not promised. What forks those processes
has the model in memory and nothing of any round; it ends when no message came for a while.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from client.home import Home
from client.membership import Membership
from client.policy import reading
from client.secagg import RoundRequest
from client.supernode.fork_server import ForkServer
from client.workers import Worker
from shared.arrays import F32Vector
from shared.errors import HushrecError, Misconfigured, Refused
from shared.federation import read_federation
from shared.tasks import Task

_LOGGER = logging.getLogger("client.supernode")
_MARGIN_SECONDS = 5.0
_LAST_PHASE = "unmask"
_KEPT_SECONDS = 60.0  # the process that trains, after the last round
_LONGEST_IDLE_SECONDS = 3_600.0  # whatever its parent does

P = ParamSpec("P")
R = TypeVar("R")


class Child(Protocol):
    """What runs rounds: a `Worker` that holds a `ForkServer`."""

    @property
    def alive(self) -> bool:
        """Whether it can be called."""
        ...

    def call(
        self, timeout_seconds: float, method: Callable[Concatenate[Any, P], R], *args: P.args, **named: P.kwargs
    ) -> R:
        """See `Worker.call`."""
        ...

    def stop(self) -> None:
        """End it now, and the round in it."""
        ...


def start_child(home: Path) -> Child:
    """A process that trains."""
    return Worker("rounds", ForkServer, str(home), idle_seconds=_LONGEST_IDLE_SECONDS)


class RoundProxy:
    """The device of `client.app`, one round at a time."""

    def __init__(
        self,
        home: Home,
        identity: str,
        find_release: Callable[[str], Path],
        start: Callable[[Path], Child] = start_child,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing yet.

        Args:
            home: folder of the device, whose policy and last rounds are read.
            identity: of the device, hexadecimal.
            find_release: folder of the installed release of a digest.
            start: starts what runs rounds, for the folder of a device.
            clock: monotonic seconds.
        """
        self._home, self._identity, self._find_release = home, identity, find_release
        self._start, self._clock = start, clock
        self._child: Child | None = None
        self._under_way = False
        self._until = 0.0  # the round's next message, or the child's next round, comes before
        self._phase_seconds = 0.0

    def __repr__(self) -> str:
        return f"RoundProxy({self._identity[:8]}, {'in a round' if self.under_way else 'at rest'})"

    @property
    def identity(self) -> str:
        """Public id, hexadecimal."""
        return self._identity

    @property
    def under_way(self) -> bool:
        """Whether a round waits for its next message."""
        return self._under_way

    def plain(self, request: RoundRequest, vector: F32Vector | None) -> F32Vector:
        """Never: a person's device sends nothing in the open."""
        raise Refused("policy: a person's device takes part in secure sums only, not in plain ones", code="sum-mode")

    def reveal(self, ch: bytes, cohort: int) -> bytes:
        """Never, as `plain`."""
        raise Refused("policy: a person's device takes part in secure sums only, not in ideal ones", code="sum-mode")

    def advertise(self, request: RoundRequest, vector: F32Vector | None, configuration: bytes) -> bytes:
        """Let a process of its own join this round; a round before is given up.

        What can be refused without a child is: no message is worth a minute of the device's time otherwise.

        Raises:
            NotYet, Refused, Misconfigured, Corrupt: as `Device.advertise`.
            TimeoutError: it took longer than the round may; the child is gone.
            RuntimeError: it failed.
        """
        self.end("another begins")
        release = self._find_release(request.release)
        federation = read_federation(release / "federation.toml")
        if federation.digest() != request.federation:
            raise Misconfigured(
                f"round {request.number} of {request.task}: expected federation {federation.digest()[:12]}, got "
                f"{request.federation[:12]}"
            )
        policy = reading(self._home.answering_policy)
        policy.check_federation(federation)
        # The person may have agreed to other terms since, whose release is not here yet: those count.
        Membership.load(self._home.membership).check_terms(federation)
        if request.task not in policy.tasks:
            raise Refused(
                f"policy: tasks: allows {', '.join(policy.tasks) or 'none'}, got {request.task}", code="policy"
            )
        last = _last_round(self._home.rounds, request.task)
        if request.number <= last:
            raise Refused(
                f"round {request.number} of {request.task}: this device has answered round {last} already",
                code="round-answered",
            )
        longest, self._phase_seconds = federation.round.deadline_seconds, federation.sum.phase_seconds
        if self._child is None or not self._child.alive:
            self._child = self._start(self._home.directory)
        self._under_way = True
        began = self._clock()
        answer = self._ask(longest, ForkServer.advertise, str(release), request, vector, configuration)
        _LOGGER.info("round %d of %s: joined after %.1f s", request.number, request.task, self._clock() - began)
        self._until = self._clock() + longest + self._phase_seconds
        return answer

    def phase(self, name: str, ch: bytes, parts: Sequence[bytes]) -> bytes:
        """Pass a later phase on to the round's child.

        Raises:
            Refused: no round waits for it.
            NotYet, Misconfigured, Corrupt, TimeoutError, RuntimeError: as `advertise`.
        """
        if not self._under_way:
            raise Refused(f"{name}: this device is in no private sum", code="no-round")
        answer = self._ask(self._phase_seconds + _MARGIN_SECONDS, ForkServer.phase, name, ch, list(parts))
        self._until = self._clock() + self._phase_seconds + _MARGIN_SECONDS
        if name == _LAST_PHASE:
            self.end("done")
        return answer

    def expire(self) -> None:
        """Give a round up whose next message is too late, and give memory back when no round came for a while."""
        if self._child is None or self._clock() <= self._until:
            return
        if self._under_way:
            self.end("the next message did not come in time")
        else:
            self.close()

    def end(self, why: str) -> None:
        """Let the round under way and all it holds go, if there is one."""
        if not self._under_way:
            return
        self._under_way, self._until = False, self._clock() + _KEPT_SECONDS
        _LOGGER.info("the round under way ends: %s", why)
        try:
            if self._child is not None:
                self._child.call(_MARGIN_SECONDS, ForkServer.end)
        except Exception:
            self.close()

    def close(self) -> None:
        """End the process that trains, and the round in it."""
        self._under_way = False
        if self._child is not None:
            child, self._child = self._child, None
            child.stop()

    def _ask(
        self, timeout_seconds: float, method: Callable[Concatenate[Any, P], bytes], *args: P.args, **named: P.kwargs
    ) -> bytes:
        """A call of the child, which ends unless it waits for a next message of the round afterwards."""
        if self._child is None:
            raise RuntimeError("round: expected a process to ask, got none")
        try:
            answer = self._child.call(timeout_seconds, method, *args, **named)
        except HushrecError:
            self._end_unless_waiting()
            raise
        except BaseException as error:  # it hung, ended or failed, or this process is told to stop
            _LOGGER.warning("the round under way ends: %s: %s", method.__name__, type(error).__name__)
            self.close()
            raise
        if not isinstance(answer, bytes):
            self.end("its answer was none")
            raise RuntimeError("round: expected bytes")
        return answer

    def _end_unless_waiting(self) -> None:
        """After a refusal: a message of another round leaves this one as it was, all else ends it."""
        if self._child is None:
            raise RuntimeError("round: expected a process to ask, got none")
        try:
            waiting = self._child.call(_MARGIN_SECONDS, ForkServer.waiting) is True
        except Exception:
            waiting = False
        if not waiting:
            self.end("refused")


def _last_round(path: Path, task: Task) -> int:
    """The last round answered of a task, as far as it can be read; whether it may be answered the child decides."""
    try:
        last = json.loads(path.read_bytes())[task]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return -1
    return last if isinstance(last, int) else -1
