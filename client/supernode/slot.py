"""Work whose time tells nothing: its outcome is handed on at a moment that is fixed beforehand, whatever it took.

The work is done in a process of its own. One that takes too long, runs out of memory or ends in any other way leaves no
outcome, at the same moment. What is left are the resources that both processes share: a device that is busy with the
work may answer other messages a little later.
"""

import logging
import os
import pickle
import select
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from shared.lifetime import end_with_parent

Outcome = TypeVar("Outcome")

_LOGGER = logging.getLogger(__name__)

_MOST_AT_ONCE = 2**20
_ENDING_SECONDS, _ENDING_SHARE = 1.0, 0.2  # of a slot, at most, kept for ending what is late


def in_slot(
    work: Callable[[], Outcome],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome | None:
    """The outcome of some work, `seconds` after this is called; None where there is none shortly before.

    Work that has no outcome yet is ended in time, so that its end does not delay the moment either.

    Args:
        work: done in a fork of this process, so it changes nothing here; its outcome can be pickled.
        seconds: length of the slot.
        clock: monotonic seconds.
        sleep: waits for some seconds.

    Example:
        >>> in_slot(lambda: 6 * 7, 0.5)
        42
    """
    until = clock() + seconds
    reading, writing = os.pipe()
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads here only wait for our parent's end
        process = os.fork()
    if not process:
        os.close(reading)
        _work(work, writing, parent)
    os.close(writing)
    try:
        content = _read_until(reading, until - min(_ENDING_SECONDS, _ENDING_SHARE * seconds), clock)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    outcome: Outcome | None = None
    try:
        outcome = pickle.loads(content)  # noqa: S301 - from our own fork
    except Exception:  # nothing, or half of it; told before the moment, so that telling it does not delay the answer
        _LOGGER.warning("zeros were sent: no outcome within %g s", seconds)
    while (left := until - clock()) > 0:
        sleep(left)
    return outcome


def _read_until(reading: int, until: float, clock: Callable[[], float]) -> bytes:
    content = b""
    while (left := until - clock()) > 0 and select.select([reading], [], [], left)[0]:
        part = os.read(reading, _MOST_AT_ONCE)
        if not part:
            break
        content += part
    return content


def _work(work: Callable[[], object], writing: int, parent: int) -> NoReturn:
    """What the fork does. Whatever happens, nothing of the parent's runs on in it."""
    try:
        end_with_parent(parent, signal.SIGKILL)
        content = memoryview(pickle.dumps(work()))
        while content:
            content = content[os.write(writing, content) :]
        os._exit(0)
    except BaseException:
        os._exit(1)
