"""The devices whose certificates no longer count, under the registry's signature; the number only grows."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BeforeValidator, Field, PlainSerializer

from shared.enrolment.wire import Message, Signature, statement
from shared.errors import Corrupt
from shared.secure_sum import verify_signature

_DEVICE = re.compile("[0-9a-f]{32}", re.ASCII)


def _from_list(value: Any) -> frozenset[bytes]:
    if isinstance(value, frozenset):
        return value
    if not isinstance(value, list) or any(not isinstance(name, str) or not _DEVICE.fullmatch(name) for name in value):
        raise ValueError("expected device ids")
    if value != sorted(set(value)):
        raise ValueError("expected each device once, ascending")
    return frozenset(map(bytes.fromhex, value))


def _to_list(devices: frozenset[bytes]) -> list[str]:
    return sorted(device.hex() for device in devices)


class Revocations(Message):
    """All devices revoked so far.

    Attributes:
        sequence: 0 before the first revocation; a list with a smaller number is older.
        devices: their ids, 16 bytes each.
        signature: of the registry, 64 bytes.
    """

    noun: ClassVar[str] = "revocations"
    largest_bytes: ClassVar[int] = 8 * 2**20

    sequence: Annotated[int, Field(ge=0, lt=2**53)]
    devices: Annotated[frozenset[bytes], BeforeValidator(_from_list), PlainSerializer(_to_list, return_type=list[str])]
    signature: Signature

    def verify(self, registry_public_key: bytes) -> None:
        """Check that the registry signed this list.

        Raises:
            Corrupt: it did not.
        """
        if not verify_signature(registry_public_key, self.signature, _signed(self.sequence, self.devices)):
            raise Corrupt("revocations: expected the registry's signature, got another; keep the list you have")


def sign_revocations(registry_key: Ed25519PrivateKey, sequence: int, devices: Iterable[bytes]) -> Revocations:
    """The list of revoked devices (ids of 16 bytes), signed."""
    revoked = frozenset(devices)
    return Revocations(sequence=sequence, devices=revoked, signature=registry_key.sign(_signed(sequence, revoked)))


def _signed(sequence: int, devices: frozenset[bytes]) -> bytes:
    return statement("revocations", sequence.to_bytes(8, "little"), *sorted(devices))
