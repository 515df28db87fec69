"""What members may fetch: the chain of publications and the files it names, as they lie on disk, and no other file."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from server.gateway.responses import HttpError
from server.home import Home
from server.logs import log_line
from server.releases import Releases
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.release import Publication

_MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Chain:
    stamp: tuple[int, int]  # modification and size of the file
    lines: tuple[bytes, ...]
    sizes: dict[tuple[str, str], int]  # bytes of each file, by release and name
    known: dict[str, int]  # by digest of a link, or of one that is superseded: the largest number of what stands for it


_NO_CHAIN = _Chain((0, 0), (), {}, {})
_KNOWN = b'{"status":"known"}'


class Shelf:
    """The releases of one server. Its methods read files, so they belong into a worker thread."""

    def __init__(self, home: Home) -> None:
        """Read nothing but the operator's key.

        Raises:
            Misconfigured, Corrupt: it cannot be read.
        """
        self._home = home
        self._operator = home.operator_key().public_key().public_bytes_raw()
        self._reading = threading.Lock()
        self._known = _NO_CHAIN

    def chain(self, after: int) -> bytes:
        """The publications after number `after`, at most 64: canonical JSON, one a line.

        Raises:
            HttpError: 409 where there are fewer: whoever asks holds some that this server has lost.
            Corrupt: the chain on disk is damaged.
        """
        lines = self._read().lines
        if after > len(lines):
            raise HttpError(409)
        return b"".join(line + b"\n" for line in lines[after : after + _MOST_AT_ONCE])

    def take_back(self, body: bytes) -> bytes:
        """See that the chain goes on for a device that holds this publication: see `Releases.take_back`.

        Raises:
            HttpError: 400 for what this operator did not sign, 503 where the chain cannot go on now.
            Corrupt: the chain on disk is damaged.
        """
        try:
            held = Publication.decode(body)
            held.verify(self._operator)
        except Corrupt:
            raise HttpError(400) from None
        if held.sequence <= self._read().known.get(held.digest(), 0):
            return _KNOWN  # without the chain's lock, and without reading all of it
        try:
            Releases(self._home).take_back(held)
        except (NotYet, Misconfigured) as reason:
            log_line("publication-lost", logging.ERROR, number=held.sequence, failed=reason)
            raise HttpError(503) from None
        return _KNOWN

    def publications(self) -> int:
        """How many there are in the chain.

        Raises:
            Corrupt: the chain on disk is damaged.
        """
        return len(self._read().lines)

    def file(self, release: str, name: str) -> tuple[Path, int]:
        """Where a published file lies, and its size in bytes.

        Raises:
            HttpError: 404 for any other.
            Corrupt: the chain on disk is damaged.
        """
        size_bytes = self._read().sizes.get((release, name))
        if size_bytes is None:
            raise HttpError(404)
        path = self._home.releases / release / name
        if not path.is_file() or path.stat().st_size != size_bytes:
            raise HttpError(503)  # being written, or damaged: never half a file
        return path, size_bytes

    def _read(self) -> _Chain:
        with self._reading:
            try:
                found = self._home.chain.stat()
            except FileNotFoundError:
                return _NO_CHAIN
            stamp = found.st_mtime_ns, found.st_size
            if stamp != self._known.stamp:
                whole = self._home.chain.read_bytes().rpartition(b"\n")[0]  # a line that is being written comes later
                lines = tuple(whole.split(b"\n")) if whole else ()
                links = tuple(map(Publication.decode, lines))
                sizes = {(link.release, name): entry.size_bytes for link in links for name, entry in link.files.items()}
                known = {digest: link.sequence for link in links for digest in (link.digest(), link.supersedes)}
                self._known = _Chain(stamp, lines, sizes, known)
            return self._known
