"""Says whether a ServerApp runs: the one that does holds a lock, which the system takes back the moment it is gone."""

import fcntl
import logging
import os
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from server.home import Home
from shared.errors import NotYet

_LOCK = "serverapp.pid"
_LARGEST_LOG_BYTES = 8 * 2**20
_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.1

_held: list[int] = []  # descriptors, open until this process ends


def hold_serverapp(home: Home) -> None:
    """Called by the ServerApp before it trains, so that there is never a second one; held until its process ends.

    From then on its log lies in run/logs/serverapp.log: SuperExec throws away what a ServerApp prints.

    Raises:
        NotYet: another ServerApp still runs.
    """
    lock = os.open(_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(lock)
                raise NotYet("ServerApp: expected to be the only one, got another that still runs") from None
            time.sleep(_POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    _held.append(lock)
    _log_to(home.logs / "serverapp.log")


def serverapp_pid(home: Home) -> int | None:
    """The process of the ServerApp that runs now, None when there is none."""
    try:
        lock = os.open(_path(home), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.pread(lock, 32, 0)
        return int(written) if written.isdigit() else None
    else:
        return None
    finally:
        os.close(lock)


def _log_to(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=_LARGEST_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("hushrec", logging.INFO), ("flwr", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)


def _path(home: Home) -> Path:
    return home.run / _LOCK
