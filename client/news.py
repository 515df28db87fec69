"""What the server has said that it has: how many publications, which revocations, this device. It tells when to look.

The process that answers the server hears it while it waits for messages; the one that looks after the device reads it.
Nothing is taken from it: what is new is fetched, and checked, by whoever looks.
"""

import logging
from pathlib import Path

from shared.enrolment import MailAnswer
from shared.errors import StorageFailed
from shared.files import write_atomically

_LOGGER = logging.getLogger(__name__)
_LARGEST_BYTES = 64


class NewsFile:
    """One file with two numbers, or a word."""

    def __init__(self, path: Path) -> None:
        self._path, self._written = path, b""

    def __repr__(self) -> str:
        return f"NewsFile({self._path})"

    def write(self, told: MailAnswer | None) -> None:
        """Keep what was said, if it is something else than before; None when the server does not know this device.

        What cannot be kept is not missed for long.
        """
        content = b"unknown\n" if told is None else b"%d %d\n" % (told.publications, told.revocations)
        if content == self._written:
            return
        try:
            write_atomically(self._path, content)
        except StorageFailed as reason:
            _LOGGER.info("news were not kept: %s", " ".join(str(reason).split())[:200])
            return
        self._written = content

    def read(self) -> bytes:
        """What was kept, to be compared with what was kept before; empty where there is nothing."""
        try:
            with self._path.open("rb") as stream:
                return stream.read(_LARGEST_BYTES)
        except OSError:
            return b""
