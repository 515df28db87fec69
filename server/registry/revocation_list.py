"""The signed list of revoked devices, kept in a file beside the registry: none that devices hold is ever taken back.

A registry that was restored from before a revocation would name a device a member again, and every honest device would
refuse the sums that it is in. So the list is the union of three: what the registry says, what the file says, and lists
that devices give back, which this server has signed itself. A device on it that the registry takes for a member is
revoked there again. Ids that the registry has never known are in the file and in memory alone, so each list is made of
the one before, under a lock that the processes of one server share.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.logs import log_line
from server.registry.registry import Registry
from server.registry.rows import DeviceRow
from shared.enrolment import Revocations, sign_revocations
from shared.errors import Corrupt, StorageFailed
from shared.files import read_bounded, write_atomically
from shared.locks import exclusive


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
        self._turn = threading.RLock()
        self._served: tuple[frozenset[bytes], Revocations] | None = None  # and what of it the registry said then

    def __repr__(self) -> str:
        return f"RevocationList({self._path})"

    def current(self) -> Revocations:
        """The list that counts now, signed; it is in the file, and the registry agrees with it.

        Raises:
            Misconfigured, Corrupt: the registry's key cannot be read.
            NotYet: another process keeps the registry locked.
        """
        with self._turn:
            if self._served is None or self._served[0] != self._registry.revocations()[1]:
                return self._settle()
            return self._served[1]

    def revoke(self, device: str) -> DeviceRow:
        """End a device's part for good, and put it on the list; once more changes nothing.

        Args:
            device: id, 32 hexadecimal digits.

        Raises:
            Misconfigured: there is no such device, or the registry's key cannot be read.
            Corrupt, NotYet: as `current`.
        """
        row = self._registry.revoke(device, self._now())
        self.current()
        return row

    def bars(self, device: bytes) -> bool:
        """Whether a device (id of 16 bytes) is on the list; if the registry takes it for a member, it is revoked there.

        Whoever makes a member asks before and after: a list that is given back in between may name the device.

        Raises:
            Misconfigured, Corrupt, NotYet: as `current`.
        """
        with self._turn:
            barred = device in self.current().devices
            if barred:
                self._registry.revoke_all([device], self._now())
            return barred

    def take_back(self, held: Revocations) -> Revocations:
        """The list that counts once all that a list adds which a device holds is on it.

        Raises:
            Corrupt: this server did not sign it.
            Misconfigured, NotYet: as `current`.
        """
        held.verify(self._key().public_key().public_bytes_raw())
        with self._turn:
            before = self.current()
            return before if held.devices <= before.devices else self._settle(held)

    def undone(self) -> frozenset[bytes]:
        """Ids of devices that the file says are revoked and the registry takes for members."""
        kept = self._kept()
        members = {bytes.fromhex(row.device) for row in self._registry.devices() if row.revoked_seconds is None}
        return frozenset(members) & (kept.devices if kept is not None else frozenset())

    def _settle(self, *held: Revocations) -> Revocations:
        """Let all that are known to be revoked be so: in the registry, in the file, and in what is served from now on.

        Args:
            held: a further list that this server signed.
        """
        with exclusive(self._path.with_suffix(".lock"), "", math.inf):  # the command and the gateway write one file
            recorded = self._registry.revocations()[1]
            served = () if self._served is None else (self._served[1],)
            lists = [known for known in (self._kept(), *served, *held) if known is not None]
            devices = recorded.union(*(known.devices for known in lists))
            whole = [known for known in lists if known.devices == devices]
            if whole:
                kept = max(whole, key=lambda known: known.sequence)
            else:  # of a number larger than that of any part of them
                kept = sign_revocations(self._key(), len(devices), devices)
            try:
                write_atomically(self._path, kept.encode())
            except StorageFailed as reason:  # devices keep it all the same, and give it back
                log_line("revocations", logging.WARNING, failed=reason)
        if again := self._registry.revoke_all(devices, self._now()):
            log_line("revoked-again", logging.WARNING, devices=again, why="the registry did not know of it any more")
        # Of what another process revoked meanwhile, nothing: the next look sees that the registry says more.
        self._served = self._registry.revocations()[1] & devices, kept
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
