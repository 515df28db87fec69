"""Seals what the store keeps. A sealed content opens in its own table and row only, and under the key of this device.

What stays readable on disk is how many rows there are, how long each is, and in which order they were written.
"""

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.behaviour import Event, event_from_fields, event_to_fields
from shared.errors import Corrupt, Misconfigured

SCHEMA = 1  # of tables and of what is sealed

_KEY_BYTES = 32
_NONCE_BYTES = 12  # drawn at random: 2^32 rows under one key before two may meet
_TAG_BYTES = 16
_LABEL = b"HUSHREC-STORE/%d " % SCHEMA


class Seals:
    """Seals and opens with keys that all follow from one."""

    def __init__(self, data_key: bytes) -> None:
        """Derive the keys.

        Args:
            data_key: 32 bytes.
        """
        if len(data_key) != _KEY_BYTES:
            raise Misconfigured(f"store: expected a key of {_KEY_BYTES} bytes, got {len(data_key)}")
        self._cipher = AESGCM(_derived(data_key, b"rows"))
        self._names = _derived(data_key, b"names")

    def __repr__(self) -> str:
        return f"Seals({_KEY_BYTES} bytes)"

    def seal(self, content: bytes, table: str, row: bytes) -> bytes:
        """Nonce, ciphertext and tag of a row's content."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, _bound(table, row))

    def open(self, sealed: bytes, table: str, row: bytes) -> bytes:
        """What was sealed for this row of this table.

        Raises:
            InvalidTag: it was sealed elsewhere, with another key, or changed since.
        """
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise InvalidTag
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(table, row))

    def tag(self, name: str) -> bytes:
        """Stands for a name on disk, where rows have to be found by it: 16 bytes that say nothing of it."""
        code = hmac.HMAC(self._names, hashes.SHA256())
        code.update(name.encode("utf-8", "surrogatepass"))
        return code.finalize()[:_TAG_BYTES]


def encode_event(event: Event) -> bytes:
    """The fields of an event as JSON in ASCII; the same event gives the same bytes."""
    return json.dumps(event_to_fields(event), separators=(",", ":")).encode("ascii")


def decode_event(content: bytes) -> Event:
    """Read what `encode_event` wrote.

    Raises:
        Corrupt: it is something else; the message quotes none of it.
    """
    try:
        return event_from_fields(json.loads(content.decode("ascii")))
    except (ValueError, TypeError, RecursionError, Misconfigured):
        raise Corrupt("event: expected the fields of an event, got something else") from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), _KEY_BYTES, _LABEL + purpose).derive(key)


def _bound(table: str, row: bytes) -> bytes:
    return _LABEL + table.encode("ascii") + b"\n" + row
