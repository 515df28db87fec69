"""Advisory file locks (flock(2)): one holder at a time, across processes.

The system takes a lock back when its holder ends, however it ends; descriptors are never inherited (O_CLOEXEC). The
files stay where they are: removing one would let two processes hold "the same" lock.
"""

import contextlib
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from shared.errors import NotYet, StorageFailed

_POLL_SECONDS = 0.1


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody else holds it.

    Returns:
        Whether this descriptor holds it now; it does until it is closed.
    """
    import fcntl  # here, so that what never locks loads on other systems too

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def acquire(path: Path, busy: str, wait_seconds: float = 0.0) -> int:
    """Take the lock of a file, which is made with mode 0600 where there is none.

    Args:
        path: of the lock file; its folder is made where there is none.
        busy: what to say where another holds it, and what to do about that.
        wait_seconds: how long another may go on holding it; `math.inf` waits for ever.

    Returns:
        A descriptor; the lock is held until it is closed.

    Raises:
        NotYet: another held it all the time.
        StorageFailed: the file cannot be made.
    """
    import fcntl

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            f"{path}: expected to make a lock there ({error.strerror}); let this user write to {path.parent}, and see "
            "that the disk is not read-only"
        ) from None
    if math.isinf(wait_seconds):
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the kernel's queue: no polling, and the longest waiting comes next
        return descriptor
    end = time.monotonic() + wait_seconds
    while not try_lock(descriptor):
        if time.monotonic() >= end:
            os.close(descriptor)
            raise NotYet(busy)
        time.sleep(_POLL_SECONDS)
    return descriptor


@contextlib.contextmanager
def exclusive(path: Path, busy: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of a file; see `acquire`."""
    descriptor = acquire(path, busy, wait_seconds)
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
