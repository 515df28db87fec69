"""The signed list of revoked devices, kept in a file beside the registry: none that devices hold is ever taken back.

A registry that was restored from before a revocation would name a device a member again, and every honest device would
refuse the sums that it is in. So the list is the union of three: what the registry says, what the file says, and lists
that devices give back, which this server has signed itself. A device on it that the registry takes for a member is
revoked there again.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.logs import log_line
from server.registry.registry import Registry
from shared.enrolment import Revocations, sign_revocations
from shared.errors import Corrupt, StorageFailed
from shared.files import read_bounded, write_atomically


class RevocationList:
    """The list of one server. Any thread may use it, and several processes the same file."""

    def __init__(
        self,
        path: Path,
        registry: Registry,
        key: Callable[[], Ed25519PrivateKey],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Read nothing yet.

        Args:
            path: of the file; absent before the first list.
            registry: where devices are revoked.
            key: reads the registry's key.
            now: seconds since 1970 UTC.
        """
        self._path, self._registry, self._key, self._now = path, registry, key, now
        self._turn = threading.Lock()
        self._served: tuple[frozenset[bytes], Revocations] | None = None  # and what the registry said then

    def __repr__(self) -> str:
        return f"RevocationList({self._path})"

    def current(self) -> Revocations:
        """The list that counts now, signed; it is in the file, and the registry agrees with it.

        Raises:
            Misconfigured, Corrupt: the registry's key cannot be read.
            NotYet: another process keeps the registry locked.
        """
        with self._turn:
            recorded = self._registry.revocations()[1]
            if self._served is None or self._served[0] != recorded:
                return self._settle(self._kept(), recorded)
            return self._served[1]

    def take_back(self, held: Revocations) -> Revocations:
        """The list that counts once all that a list adds which a device holds is on it.

        Raises:
            Corrupt: this server did not sign it.
            Misconfigured, NotYet: as `current`.
        """
        held.verify(self._key().public_key().public_bytes_raw())
        before = self.current()
        if held.devices <= before.devices:
            return before
        with self._turn:
            return self._settle(held if before.devices <= held.devices else before, held.devices)

    def undone(self) -> frozenset[bytes]:
        """Ids of devices that the file says are revoked and the registry takes for members."""
        kept = self._kept()
        members = {bytes.fromhex(row.device) for row in self._registry.devices() if row.revoked_seconds is None}
        return frozenset(members) & (kept.devices if kept is not None else frozenset())

    def _settle(self, kept: Revocations | None, further: frozenset[bytes]) -> Revocations:
        """Let all of them be revoked: in the registry, in the file, and in what is served from now on."""
        devices = further if kept is None else kept.devices | further
        if kept is None or devices != kept.devices:
            kept = sign_revocations(self._key(), len(devices), devices)  # larger than that of any part of them
        try:
            write_atomically(self._path, kept.encode())
        except StorageFailed as reason:  # devices keep it all the same, and give it back
            log_line("revocations", logging.WARNING, failed=reason)
        if again := self._registry.revoke_all(devices, self._now()):
            log_line("revoked-again", logging.WARNING, devices=again, why="the registry did not know of it any more")
        self._served = self._registry.revocations()[1], kept
        return kept

    def _kept(self) -> Revocations | None:
        """The list in the file; None where there is none that this server signed."""
        try:
            kept = Revocations.decode(read_bounded(self._path, Revocations.largest_bytes))
            kept.verify(self._key().public_key().public_bytes_raw())
        except FileNotFoundError:
            return None
        except Corrupt as reason:
            log_line("revocations", logging.WARNING, path=self._path, failed=reason)
            return None
        return kept
