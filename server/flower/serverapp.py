"""Says whether a ServerApp runs: the one that does holds a lock, which the system takes back the moment it is gone."""

import logging
import os
import signal
from logging.handlers import RotatingFileHandler
from pathlib import Path

from server.home import Home
from server.logs import LogFormat, formatter
from shared.lifetime import end_with_parent
from shared.locks import acquire, is_locked

_LOCK = "serverapp.pid"
_LARGEST_LOG_BYTES = 8 * 2**20
_PATIENCE_SECONDS = 10.0

_held: list[int] = []  # descriptors, open until this process ends


def hold_serverapp(home: Home) -> None:
    """Called by the ServerApp before it trains, so that there is never a second one; held until its process ends.

    It ends with the SuperExec that started it. From then on its log lies in run/logs/serverapp.log: SuperExec throws
    away what a ServerApp prints.

    Raises:
        NotYet: another ServerApp still runs.
    """
    busy = "ServerApp: expected to be the only one, got another that still runs"
    lock = acquire(_path(home), busy, _PATIENCE_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    _held.append(lock)
    end_with_parent(os.getppid(), signal.SIGTERM)
    _log_to(home.logs / "serverapp.log", home.settings.log_format)


def serverapp_pid(home: Home) -> int | None:
    """The process of the ServerApp that runs now, None when there is none."""
    if not is_locked(_path(home)):
        return None
    written = _path(home).read_bytes()[:32]
    return int(written) if written.isdigit() else None


def _log_to(path: Path, log_format: LogFormat) -> None:
    handler = RotatingFileHandler(path, maxBytes=_LARGEST_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(formatter(log_format))
    for name, level in (("hushrec", logging.INFO), ("flwr", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)


def _path(home: Home) -> Path:
    return home.run / _LOCK
