"""One `hushrec-server up` per folder: it holds a lock, which the system takes back however it ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from server.home import Home
from shared.errors import NotYet


@contextlib.contextmanager
def holding_up_lock(home: Home) -> Iterator[None]:
    """Be the one that is up.

    Raises:
        NotYet: another is.
    """
    home.run.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotYet(
                f"{home.directory}: expected a server that is not up, got one that is; stop it first"
            ) from None
        yield
    finally:
        os.close(lock)


def is_up(home: Home) -> bool:
    """Whether `hushrec-server up` runs for this folder."""
    try:
        lock = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
