"""Child processes that are kept running: each in a session of its own, restarted with growing waits, ended with us.

It knows nothing of what they do, and must never leave one behind: a part that outlived a killed supervisor still holds
its lock, and is ended before its successor starts.
"""

import contextlib
import logging
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Self

from shared.errors import Misconfigured, NotYet, StorageFailed
from shared.locks import try_lock

_LOGGER = logging.getLogger("hushrec.processes")

STEP_SECONDS = 0.1
_NAME = re.compile("[a-z][a-z0-9-]*", re.ASCII)
_LOOK_AT_LOGS_SECONDS = 1.0
_ENDING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """A process that has to run.

    Attributes:
        name: small letters, digits and hyphens; its log is `<name>.log`.
        command: what to start; the first word is looked up on the PATH of `environment`.
        folder: where it works.
        environment: the whole environment it gets; None for that of this process.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.command:
            raise ValueError(f"part: expected a name of small letters and a command, got {self.name!r}")


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How a part is.

    Attributes:
        pid: None while it does not run.
        restarts: how often it was started again after it had ended.
        since_seconds: when it was last started or ended, seconds since 1970 UTC.
        exit_status: of the run before; negative for a signal; None when it has never ended.
    """

    name: str
    pid: int | None
    restarts: int
    since_seconds: float
    exit_status: int | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How a part that ends is started again: at once when it had lasted, after doubling waits when it had not.

    Attributes:
        first_wait_seconds: before the first restart; each further one waits twice as long, give or take a half.
        longest_wait_seconds: no wait is planned longer.
        lasting_seconds: a part that ran this long starts afresh with the first wait.
    """

    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 30.0
    lasting_seconds: float = 30.0

    def wait_seconds(self, failures: int, uniform: float) -> float:
        """The wait after so many short runs in a row (1 and more); `uniform` lies in [0, 1)."""
        doubled = self.first_wait_seconds * 2.0 ** min(failures - 1, 32)
        return min(self.longest_wait_seconds, doubled) * (0.5 + uniform)


class _Running:
    """One part with what has happened to it."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.started = -1.0  # monotonic
        self.due = 0.0  # monotonic; when it may start (again)
        self.failures = 0
        self.starts = 0
        self.since_seconds = 0.0
        self.exit_status: int | None = None


class Supervisor:
    """Starts parts and keeps them running. One thread at a time calls it."""

    def __init__(
        self,
        parts: Sequence[Part],
        folder: Path,
        logs: Path,
        patience: Patience | None = None,
        largest_log_bytes: int = 8 * 2**20,
    ) -> None:
        """Start nothing yet.

        Args:
            parts: in the order they are started in; each has a name of its own.
            folder: holds one lock per part, `<name>.pid`.
            logs: holds `<name>.log` of each part, and `<name>.log.1` once the first grew past `largest_log_bytes`.
            patience: how a part that ends is started again.
            largest_log_bytes: a log that grew past it is cut: its end becomes `<name>.log.1`.
        """
        names = [part.name for part in parts]
        if len(set(names)) != len(names):
            raise ValueError(f"parts: expected different names, got {names}")
        self._running = [_Running(part) for part in parts]
        self._folder, self._logs = folder, logs
        self._patience = patience or Patience()
        self._largest_log_bytes = largest_log_bytes
        self._logs_due = 0.0
        self._chance = random.SystemRandom().random

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all parts, once what an earlier supervisor left behind is gone.

        Raises:
            Misconfigured: a command does not exist.
            StorageFailed: a folder cannot be written.
            NotYet: something left behind could not be ended.
        """
        self.clear()
        for one in self._running:
            self._launch(one)

    def clear(self) -> None:
        """End what an earlier supervisor left behind; `start` does so too.

        Raises:
            StorageFailed: a folder cannot be written.
            NotYet: something does not end.
        """
        for folder in (self._folder, self._logs):
            with _writing(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in self._running:
            if one.process is None:
                with self._lock(one.part.name):
                    pass

    def step(self) -> list[str]:
        """Notice what has ended, start again what is due, keep the logs short; returns names of parts that ended."""
        now, ended = time.monotonic(), []
        for one in self._running:
            if one.process is not None and (status := one.process.poll()) is not None:
                _signal_session(one.process.pid, signal.SIGKILL)  # what it started has nobody to answer to
                self._note_end(one, status, now)
                ended.append(one.part.name)
            if one.process is None and one.starts and now >= one.due:
                try:
                    self._launch(one)
                except (Misconfigured, NotYet) as reason:  # the other parts must not suffer
                    _LOGGER.warning("%s", reason)
                    self._note_end(one, one.exit_status, now)
        if now >= self._logs_due:
            self._logs_due = now + _LOOK_AT_LOGS_SECONDS
            self._shorten_logs()
        return ended

    def run_forever(self, stop: Event, each_step: Callable[[], None] = lambda: None) -> None:
        """Step until `stop` is set, calling `each_step` in between; then the parts still run."""
        while not stop.wait(STEP_SECONDS):
            self.step()
            each_step()

    def status(self) -> list[PartStatus]:
        """How each part is, in the order given."""
        return [
            PartStatus(
                one.part.name,
                one.process.pid if one.process is not None else None,
                max(one.starts - 1, 0),
                one.since_seconds,
                one.exit_status,
            )
            for one in self._running
        ]

    def stop(self, grace_seconds: float = _ENDING_SECONDS) -> None:
        """Ask all parts to end (SIGTERM, last started first), then end whatever is left of their sessions (SIGKILL)."""
        alive = [one for one in reversed(self._running) if one.process is not None]
        for one in alive:
            _signal_session(_process(one).pid, signal.SIGTERM)
        end = time.monotonic() + grace_seconds
        for one in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                _process(one).wait(max(end - time.monotonic(), 0))
        for one in alive:
            process = _process(one)
            _signal_session(process.pid, signal.SIGKILL)
            one.exit_status = process.wait()
            one.process, one.since_seconds = None, time.time()
        for one in self._running:
            one.starts = 0  # it stays ended

    def _launch(self, one: _Running) -> None:
        part = one.part
        path = self._logs / f"{part.name}.log"
        with _writing(path):
            log = path.open("ab")
        with log, self._lock(part.name) as lock:
            try:
                one.process = subprocess.Popen(  # noqa: S603 - commands of our own, no shell
                    part.command,
                    cwd=part.folder,
                    env=part.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(lock,),  # held as long as the process lives, whoever started it
                )
            except OSError as error:
                raise Misconfigured(
                    f"{part.name}: could not be started ({error.strerror}); is {part.command[0]} installed?"
                ) from None
            with contextlib.suppress(OSError):  # a full disk: what runs must not end for it
                os.ftruncate(lock, 0)
                os.pwrite(lock, str(one.process.pid).encode(), 0)
        one.starts += 1
        one.started = time.monotonic()
        one.since_seconds = time.time()

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[int]:
        """A descriptor of the part's lock, free of anyone an earlier supervisor started."""
        path = self._folder / f"{name}.pid"
        with _writing(path):
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = time.monotonic() + 2 * _ENDING_SECONDS
            while not try_lock(lock):
                left = end - time.monotonic()
                if left <= 0:
                    raise NotYet(f"{name}: an earlier one still runs and does not end; end it and start again")
                written = os.pread(lock, 32, 0)
                if written.isdigit():
                    _signal_session(int(written), signal.SIGTERM if left > _ENDING_SECONDS else signal.SIGKILL)
                time.sleep(STEP_SECONDS)
            yield lock
        finally:
            os.close(lock)

    def _note_end(self, one: _Running, status: int | None, now: float) -> None:
        lasted = one.process is not None and now - one.started >= self._patience.lasting_seconds
        one.failures = 1 if lasted else one.failures + 1
        wait = self._patience.wait_seconds(one.failures, self._chance())
        one.due = now + wait
        one.process, one.exit_status, one.since_seconds = None, status, time.time()
        _LOGGER.warning("%s ended with status %s; it starts again in %.1f s", one.part.name, status, wait)

    def _shorten_logs(self) -> None:
        for one in self._running:
            log = self._logs / f"{one.part.name}.log"
            with contextlib.suppress(OSError):  # a full disk must not end the parts
                if log.stat().st_size > self._largest_log_bytes:
                    older = log.with_name(f"{log.name}.1")
                    older.write_bytes(log.read_bytes()[-self._largest_log_bytes :])
                    os.truncate(log, 0)  # the process appends: it goes on at the start


def _process(one: _Running) -> "subprocess.Popen[bytes]":
    if one.process is None:
        raise RuntimeError(f"{one.part.name}: expected a process, got none")
    return one.process


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"{path}: could not be written ({error.strerror}); let this user write there, and see that the disk is "
            "neither full nor read-only"
        ) from None


def _signal_session(leader: int, wanted: signal.Signals) -> None:
    """Signal a process and what it started, as far as any of it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, wanted)
