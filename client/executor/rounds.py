"""Stands for the device in a process that must not train: a child that lives as long as its round does all the work.

The round's secrets are in that child's memory alone and go with it: at its last message, a refusal, or a time-out. The
operating system takes the pages back; that they are overwritten at once is not promised.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from client.executor.round_child import RoundChild
from client.home import Home
from client.policy import reading
from client.session import RoundRequest
from client.workers import Ended, Worker
from shared.errors import HushrecError, Misconfigured, Refused
from shared.federation import read_federation
from shared.privacy import Task

_LOGGER = logging.getLogger("client.executor")
_MARGIN_SECONDS = 5.0
_LAST_PHASE = "unmask"

Vector = NDArray[np.float32]


class Child(Protocol):
    """What runs a round: a `Worker` that holds a `RoundChild`."""

    def call(self, name: str, *args: object, timeout_seconds: float) -> object:
        """What the method of this name answers."""
        ...

    def stop(self) -> None:
        """End the child now."""
        ...


def start_child(home: Path, release: Path, idle_seconds: float) -> Child:
    """A process of its own for one round."""
    return Worker("round", RoundChild, str(home), str(release), idle_seconds=idle_seconds)


class Rounds:
    """The device of `client.app`, one round at a time."""

    def __init__(
        self,
        home: Home,
        identity: str,
        find_release: Callable[[str], Path],
        start: Callable[[Path, Path, float], Child] = start_child,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            identity: of the device, hexadecimal.
            find_release: folder of the installed release of a digest.
            start: starts a child for a home, a release and the seconds it may be idle.
        """
        self._home, self._identity, self._find_release = home, identity, find_release
        self._start, self._clock = start, clock
        self._child: Child | None = None
        self._until = 0.0
        self._phase_seconds = 0.0

    def __repr__(self) -> str:
        return f"Rounds({self._identity[:8]}, {'in a round' if self.under_way else 'at rest'})"

    @property
    def identity(self) -> str:
        """Public id, hexadecimal."""
        return self._identity

    @property
    def under_way(self) -> bool:
        """Whether a round waits for its next message."""
        return self._child is not None

    def plain(self, request: RoundRequest, vector: Vector | None) -> Vector:
        """Never: a person's device sends nothing in the open."""
        raise Refused("policy: a person's device takes part in secure sums only, not in plain ones")

    def reveal(self, ch: bytes, cohort: int) -> bytes:
        """Never, as `plain`."""
        raise Refused("policy: a person's device takes part in secure sums only, not in ideal ones")

    def join(self, request: RoundRequest, vector: Vector | None, configuration: bytes) -> bytes:
        """Start a child for this round and let it work; a round before is given up.

        What can be refused without a child is: no message is worth a minute of the device's time otherwise.

        Raises:
            NotYet, Refused, Misconfigured, Corrupt: as `Device.join`.
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
        policy = reading(self._home.policy)
        policy.check_federation(federation)
        if request.task not in policy.tasks:
            raise Refused(f"policy: tasks: allows {', '.join(policy.tasks) or 'none'}, got {request.task}")
        last = _last_round(self._home.rounds, request.task)
        if request.number <= last:
            raise Refused(f"round {request.number} of {request.task}: this device has answered round {last} already")
        longest, self._phase_seconds = federation.round.deadline_seconds, federation.sum.phase_seconds
        self._child = self._start(self._home.directory, release, longest + self._phase_seconds + _MARGIN_SECONDS)
        began = self._clock()
        answer = self._ask("join", request, vector, configuration, timeout_seconds=longest)
        _LOGGER.info("round %d of %s: joined after %.1f s", request.number, request.task, self._clock() - began)
        self._until = self._clock() + longest + self._phase_seconds
        return answer

    def phase(self, name: str, ch: bytes, parts: Sequence[bytes]) -> bytes:
        """Pass a later phase on to the round's child.

        Raises:
            Refused: no round waits for it.
            NotYet, Misconfigured, Corrupt, TimeoutError, RuntimeError: as `join`.
        """
        if self._child is None:
            raise Refused(f"{name}: this device is in no private sum")
        answer = self._ask("phase", name, ch, list(parts), timeout_seconds=self._phase_seconds + _MARGIN_SECONDS)
        self._until = self._clock() + self._phase_seconds + _MARGIN_SECONDS
        if name == _LAST_PHASE:
            self.end("done")
        return answer

    def expire(self) -> None:
        """Give a round up whose next message is too late."""
        if self._child is not None and self._clock() > self._until:
            self.end("the next message did not come in time")

    def end(self, why: str) -> None:
        """Let the round's child and all it holds go, if there is one."""
        if self._child is not None:
            child, self._child = self._child, None
            child.stop()
            _LOGGER.info("the round under way ends: %s", why)

    def _ask(self, name: str, *args: object, timeout_seconds: float) -> bytes:
        """A call of the child, which ends unless it waits for a next message of the round afterwards."""
        assert self._child is not None
        try:
            answer = self._child.call(name, *args, timeout_seconds=timeout_seconds)
        except TimeoutError:
            self.end(f"{name} took longer than {timeout_seconds:.0f} s and was killed")
            raise
        except HushrecError:
            self._end_unless_waiting()
            raise
        except BaseException as error:  # Ended, RuntimeError, and being stopped
            self.end("its process was gone" if isinstance(error, Ended) else "it failed")
            raise
        if not isinstance(answer, bytes):
            self.end("its answer was none")
            raise RuntimeError("round: expected bytes")
        return answer

    def _end_unless_waiting(self) -> None:
        """After a refusal: a message of another round leaves this one as it was, all else ends it."""
        child = self._child
        try:
            waiting = child is not None and child.call("waiting", timeout_seconds=_MARGIN_SECONDS) is True
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
