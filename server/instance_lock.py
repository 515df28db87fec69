"""One `hushrec-server up` per folder: it holds a lock, which the system takes back however it ends."""

from contextlib import AbstractContextManager

from server.home import Home
from shared.locks import exclusive, is_locked


def instance_lock(home: Home) -> AbstractContextManager[None]:
    """Be the one that is up.

    Raises:
        NotYet: another is.
    """
    return exclusive(home.lock, f"{home.directory}: expected a server that is not up, got one that is; stop it first")


def is_up(home: Home) -> bool:
    """Whether `hushrec-server up` runs for this folder."""
    return is_locked(home.lock)
