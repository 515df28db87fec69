"""Where a device keeps the head of its ledger beside the ledger: in a sealed file, and in the system's keyring.

The charge is on disk before a head is moved, so a head behind its ledger is what a crash leaves. A ledger behind one of
its heads has lost charges.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from client.keys import Keys
from shared.errors import Corrupt
from shared.files import read_bounded, write_atomically
from shared.privacy import LedgerHead

_LABEL = b"HUSHREC-LEDGER/1 head"
_NONCE_BYTES = 12
_LARGEST_BYTES = 65_536


class HeadPlace(Protocol):
    """One place where a head is kept."""

    @property
    def name(self) -> str:
        """For the person."""
        ...

    def read(self) -> LedgerHead | None:
        """The head kept last; None where there is none, or what is there cannot be one of this device.

        Raises:
            NotYet, Misconfigured, Corrupt: the place, or the key to it, cannot be reached.
        """
        ...

    def keep(self, head: LedgerHead) -> None:
        """Put a head in place of the one before; it is kept when this returns.

        Raises:
            NotYet, Misconfigured, Corrupt: as `read`.
        """
        ...


class Memory(Protocol):
    """Keeps one text outside of a device's folder: `Keys`, by the system's keyring."""

    def remember(self, text: str) -> None:
        """See `Keys.remember`."""
        ...

    def remembered(self) -> str | None:
        """See `Keys.remembered`."""
        ...


class SealedHead:
    """A file, sealed with a key that follows from the one of the store."""

    def __init__(self, path: Path, data_key: Callable[[], bytes]) -> None:
        self._path, self._data_key = path, data_key

    def __repr__(self) -> str:
        return "SealedHead()"

    @property
    def name(self) -> str:
        """See `HeadPlace`."""
        return self._path.name

    def read(self) -> LedgerHead | None:
        """See `HeadPlace`."""
        cipher = self._cipher()
        try:
            sealed = read_bounded(self._path, _LARGEST_BYTES)
            opened = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _LABEL)
            return LedgerHead.from_text(opened.decode("ascii"))
        except (FileNotFoundError, InvalidTag, ValueError, Corrupt):
            return None

    def keep(self, head: LedgerHead) -> None:
        """See `HeadPlace`."""
        nonce = os.urandom(_NONCE_BYTES)
        write_atomically(self._path, nonce + self._cipher().encrypt(nonce, head.to_text().encode("ascii"), _LABEL))

    def _cipher(self) -> AESGCM:
        return AESGCM(HKDFExpand(hashes.SHA256(), 32, _LABEL).derive(self._data_key()))


class KeyringHead:
    """An entry of the system's keyring: a copy of the device's folder does not bring it along."""

    name = "the system's keyring"

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __repr__(self) -> str:
        return "KeyringHead()"

    def read(self) -> LedgerHead | None:
        """See `HeadPlace`."""
        text = self._memory.remembered()
        try:
            return None if text is None else LedgerHead.from_text(text)
        except Corrupt:
            return None

    def keep(self, head: LedgerHead) -> None:
        """See `HeadPlace`."""
        self._memory.remember(head.to_text())


def head_places(path: Path, keys: Keys) -> Sequence[HeadPlace]:
    """All places of a device: the file, and the keyring where that wraps the key of the store.

    Raises:
        Misconfigured, Corrupt: a key is not what it must be.
    """
    places: list[HeadPlace] = [SealedHead(path, cache(keys.data_key))]
    if keys.in_keyring:
        places.append(KeyringHead(keys))
    return places
