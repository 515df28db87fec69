"""The chain of publications on disk: lines are added at its end, under a lock, and none is ever changed.

A publication is written to newest.json before its line is. So a line that was torn, by a crash or by a bad copy, is
completed from there, byte for byte, whether or not a device has seen it. What newest.json cannot complete, and anything
else that does not verify, is damage, and nothing is written behind it: a chain that went on without a publication that
devices have taken would be refused by them for good.
"""

import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from server.logs import log_line
from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from shared.locks import exclusive
from shared.release import LARGEST_BYTES, Publication

Links = tuple[Publication, ...]


class ChainFile:
    """One file of publications; several processes may hold it open."""

    def __init__(self, path: Path, operator_public_key: bytes) -> None:
        """Open the chain at `path`, which need not exist yet, and complete its end.

        Raises:
            Corrupt: its end is torn or missing, and newest.json does not tell how it went on.
            Misconfigured: a file cannot be read or written.
        """
        self._path, self._operator = path, operator_public_key
        if _begun(path):
            with _locked(path):
                self._complete()

    def __repr__(self) -> str:
        return f"ChainFile({self._path})"

    def read(self) -> Links:
        """All publications, oldest first, each verified against the one before it.

        Raises:
            Corrupt: a line is not the operator's publication that follows the line before it.
            Misconfigured: the file cannot be read.
        """
        links: list[Publication] = []
        whole, _being_written = _parts(self._path)
        for line in whole.splitlines():
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
        with _locked(self._path):
            self._complete()
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
            size_bytes = 0 if new else self._path.stat().st_size
            write_atomically(_record(self._path), line)
            try:
                with self._path.open("ab") as file:
                    file.write(line + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                if new:
                    _flush_folder(self._path.parent)
            except OSError as error:
                _record(self._path).unlink(missing_ok=True)
                if self._path.exists():
                    os.truncate(self._path, size_bytes)
                raise Misconfigured(f"{self._path}: could not be written ({error.strerror}); free some space") from None
            return link

    def _complete(self) -> None:
        """Write what is missing at the end. Needs the lock: without it, another process may be about to."""
        rest = _missing(self._path, self._operator)
        if rest:
            with self._path.open("ab") as file:
                file.write(rest)
                file.flush()
                os.fsync(file.fileno())
            log_line("chain-completed", written_bytes=len(rest))
        whole, _ = _parts(self._path)
        if whole and _content(_record(self._path)) != (last := whole.splitlines()[-1]):
            write_atomically(_record(self._path), last)  # it was lost, or restored from an older copy


def unfinished(path: Path, operator_public_key: bytes | None) -> bytes:
    """What is missing at the end of the chain at `path`: opening a `ChainFile` adds it; b"" where nothing is.

    Args:
        path: of the chain.
        operator_public_key: 32 bytes, by which a publication is verified; None where it is not to be had.

    Raises:
        Corrupt, Misconfigured: as opening a `ChainFile`.
    """
    if not _begun(path):
        return b""
    with _locked(path):
        return _missing(path, operator_public_key)


def chain_content(path: Path) -> dict[Path, bytes]:
    """The files of the chain at `path` with their content, as they are at one moment; none before the first link.

    Raises:
        Misconfigured: one cannot be read.
    """
    if not _begun(path):
        return {}
    with _locked(path):
        return {file: _content(file) for file in (path, _record(path)) if file.exists()}


def _missing(path: Path, operator_public_key: bytes | None) -> bytes:
    whole, torn = _parts(path)
    lines, newest = whole.splitlines(), _content(_record(path))
    if not torn and (not newest or newest in lines):
        return b""
    place = f"{path}:{len(lines) + 1}"
    if not newest.startswith(torn):
        raise Corrupt(
            f"{place}: expected a whole line, or the beginning of what {_record(path).name} holds, got {len(torn)} "
            "bytes of another line; it is signed and cannot be made again: restore both files from one copy"
        )
    try:
        link = Publication.decode(newest)
        link.follows(Publication.decode(lines[-1]) if lines else None)
        if operator_public_key is not None:
            link.verify(operator_public_key)
    except Corrupt as reason:
        raise Corrupt(
            f"{place}: expected the publication that {_record(path).name} holds to come next, got {reason}; restore "
            "both files from one copy"
        ) from None
    return newest[len(torn) :] + b"\n"


def _parts(path: Path) -> tuple[bytes, bytes]:
    """The whole lines of a chain, and what stands behind them: a line that is being written, or one that was torn."""
    content = _content(path)
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Misconfigured(f"{path}: could not be read ({error.strerror})") from None


def _begun(path: Path) -> bool:
    return path.exists() or _record(path).exists()


def _record(path: Path) -> Path:
    return path.with_name("newest.json")


def _locked(path: Path) -> AbstractContextManager[None]:
    return exclusive(path.with_suffix(".lock"), "", math.inf)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
