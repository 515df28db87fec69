"""Who a device is: its Ed25519 key, the registry's certificate for it, and signatures that are checked once.

Implements FEDREC-SA/1 section 2 (signatures) and section 3 (certificates).
"""

import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import Corrupt, Misconfigured
from shared.secure_sum.hashing import LABEL, device_id, digest

CERTIFICATE_BYTES = 72
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """The registry's word that a device key belongs to one person (FEDREC-SA/1 section 3).

    Attributes:
        expiry_seconds: end of validity, seconds since 1970 UTC.
        signature: of the registry, 64 bytes.
    """

    expiry_seconds: int
    signature: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.expiry_seconds < 2**64 or len(self.signature) != SIGNATURE_BYTES:
            raise Corrupt(f"certificate: expected a u64 and {SIGNATURE_BYTES} bytes, got {len(self.signature)} bytes")

    def __repr__(self) -> str:
        return f"Certificate({CERTIFICATE_BYTES} bytes)"

    def encode(self) -> bytes:
        """72 bytes."""
        return self.expiry_seconds.to_bytes(8, "little") + self.signature

    @classmethod
    def decode(cls, content: bytes) -> "Certificate":
        """Read what `encode` wrote.

        Raises:
            Corrupt: another length.
        """
        if len(content) != CERTIFICATE_BYTES:
            raise Corrupt(f"certificate: expected {CERTIFICATE_BYTES} bytes, got {len(content)}")
        return cls(int.from_bytes(content[:8], "little"), content[8:])


class Identity:
    """The signing key of a device. It leaves this object only as signatures."""

    __slots__ = ("_key", "device", "public_key")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()
        self.device = device_id(self.public_key)

    def __repr__(self) -> str:
        return f"Identity({len(self.public_key)} bytes)"

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)


def issue_certificate(registry_key: Ed25519PrivateKey, device_public_key: bytes, expiry_seconds: int) -> Certificate:
    """Sign a device's 32-byte public key until `expiry_seconds` since 1970 UTC (FEDREC-SA/1 section 3).

    Raises:
        Misconfigured: no 32-byte key, or no u64.
    """
    if len(device_public_key) != 32 or not 0 <= expiry_seconds < 2**64:
        raise Misconfigured(
            f"certificate: expected a key of 32 bytes and a u64 of seconds, got {len(device_public_key)} bytes and "
            f"{expiry_seconds}"
        )
    return Certificate(expiry_seconds, registry_key.sign(_certified(device_public_key, expiry_seconds)))


def verify_certificate(
    registry_public_key: bytes, device_public_key: bytes, certificate: Certificate, now_seconds: int
) -> None:
    """Check that the registry vouches for a device key at `now_seconds` since 1970 UTC.

    Raises:
        Corrupt: the registry did not sign this, or the certificate has expired.
    """
    statement = _certified(device_public_key, certificate.expiry_seconds)
    if not verify_signature(registry_public_key, certificate.signature, statement):
        raise Corrupt(f"certificate of device {device_id(device_public_key).hex()}: expected the registry's signature")
    if now_seconds >= certificate.expiry_seconds:
        raise Corrupt(
            f"certificate of device {device_id(device_public_key).hex()}: expired at second "
            f"{certificate.expiry_seconds}, it is {now_seconds}; the registry has to issue another"
        )


def verify_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is `public_key`'s on `message` (Ed25519). One that held before is not computed again."""
    seen = digest("verified", public_key, signature, message)
    if seen in _verified:
        return True
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    _verified.add(seen)
    return True


def _certified(device_public_key: bytes, expiry_seconds: int) -> bytes:
    return LABEL + b"device-cert" + expiry_seconds.to_bytes(8, "little") + device_public_key


class _Recent:
    """The digests added last, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def __contains__(self, value: bytes) -> bool:
        return value in self._seen

    def add(self, value: bytes) -> None:
        with self._lock:
            self._seen[value] = None
            if len(self._seen) > self._limit:
                del self._seen[next(iter(self._seen))]


# Four signatures of each member of the largest cohort, for two rounds.
_verified = _Recent(32768)
