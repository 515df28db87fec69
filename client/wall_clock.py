"""The time of day, as a device goes by it: it never goes back, whatever the system's clock does.

The latest moment it has shown is kept in a file, to within ten seconds, so that what has expired stays expired over
restarts. A clock that was set forward by mistake must be mended by the person: `hushrec-device check --mend`.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

from shared.errors import Corrupt
from shared.files import read_bounded, write_atomically

_STEP_SECONDS = 10.0
_SECONDS = re.compile(rb"[0-9]{1,12}\n?")


class WallClock:
    """Seconds since 1970 UTC, called like `time.time`; several processes may share a file."""

    def __init__(self, path: Path, system_seconds: Callable[[], float] = time.time) -> None:
        self._path, self._system_seconds = path, system_seconds
        self._latest = 0.0

    def __repr__(self) -> str:
        return f"WallClock({self._path})"

    def __call__(self) -> float:
        """The later of what the system's clock says and what was shown before.

        Raises:
            Corrupt: the file holds no time.
            Misconfigured: it cannot be read or written.
        """
        kept = kept_seconds(self._path)
        self._latest = max(self._latest, kept, self._system_seconds())
        if self._latest >= kept + _STEP_SECONDS:
            write_atomically(self._path, b"%d\n" % self._latest)
        return self._latest


def latest_seconds(path: Path, system_seconds: Callable[[], float] = time.time) -> float:
    """What a `WallClock` would show; nothing is written.

    Raises:
        Corrupt, Misconfigured: as `WallClock`.
    """
    return max(kept_seconds(path), system_seconds())


def kept_seconds(path: Path) -> float:
    """The latest moment in a clock's file; 0 where there is none.

    Raises:
        Corrupt, Misconfigured: as `WallClock`.
    """
    try:
        content = read_bounded(path, 64)
    except FileNotFoundError:
        return 0.0
    if not _SECONDS.fullmatch(content):
        raise Corrupt(
            f"{path}: expected seconds since 1970, got something else; once the system's clock is right, mend it with: "
            f"hushrec-device check {path.parent} --mend"
        )
    return float(content)
