"""The chain of publications on disk: lines are added at its end, under a lock, and none is ever changed.

A line that was torn when its process was killed has no end; nobody has seen it, and it is cut off. Anything else that
does not verify is damage, and nothing is written behind it.
"""

import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from shared.locks import exclusive
from shared.release import LARGEST_BYTES, Publication

Links = tuple[Publication, ...]


class ChainFile:
    """One file of publications; several processes may hold it open."""

    def __init__(self, path: Path, operator_public_key: bytes) -> None:
        """Open the chain at `path`, which need not exist yet, and mend its end."""
        self._path, self._operator = path, operator_public_key
        if path.exists():
            with self._locked():
                self._mend()

    def __repr__(self) -> str:
        return f"ChainFile({self._path})"

    def read(self) -> Links:
        """All publications, oldest first, each verified against the one before it.

        Raises:
            Corrupt: a line is not the operator's publication that follows the line before it.
            Misconfigured: the file cannot be read.
        """
        links: list[Publication] = []
        for line in self._whole().splitlines():
            try:
                link = Publication.decode(line)
                link.follows(links[-1] if links else None)
                link.verify(self._operator)
            except Corrupt as reason:
                raise Corrupt(f"{self._path}:{len(links) + 1}: {reason}; or restore the file from a copy") from None
            links.append(link)
        return tuple(links)

    def append(self, following: Callable[[Links], Publication | None]) -> Publication | None:
        """Add what `following` makes of the chain as it is, or nothing when that is None; on disk when this returns.

        Raises:
            Corrupt, Misconfigured: see `read`; nothing is added then.
        """
        with self._locked():
            self._mend()
            links = self.read()
            link = following(links)
            if link is None:
                return None
            link.follows(links[-1] if links else None)
            link.verify(self._operator)
            line = link.encode()
            if len(line) > LARGEST_BYTES:
                raise Misconfigured(f"publication: expected at most {LARGEST_BYTES} bytes, got {len(line)}")
            new = not self._path.exists()
            try:
                with self._path.open("ab") as file:
                    file.write(line + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                if new:
                    _flush_folder(self._path.parent)
            except OSError as error:
                self._mend()
                raise Misconfigured(f"{self._path}: could not be written ({error.strerror}); free some space") from None
            return link

    def _whole(self) -> bytes:
        """Its whole lines; one that is being written is not there yet."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Misconfigured(f"{self._path}: could not be read ({error.strerror})") from None
        return content[: content.rfind(b"\n") + 1]

    def _mend(self) -> None:
        """Cut off a torn line. Needs the lock: without it, the line may be another process's, half written."""
        whole = len(self._whole())
        if self._path.exists() and self._path.stat().st_size > whole:
            with self._path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self._path.with_suffix(".lock"), "", math.inf)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
