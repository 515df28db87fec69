"""Who takes part: what each device advertises of itself, and the roster of all, from which the session follows.

Implements FEDREC-SA/1 section 3 (session) and section 5 (advert, roster).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

from shared.errors import Corrupt
from shared.secure_sum.degrees import LARGEST_COHORT
from shared.secure_sum.hashing import LABEL, device_id, digest
from shared.secure_sum.identity import (
    CERTIFICATE_BYTES,
    SIGNATURE_BYTES,
    Certificate,
    Identity,
    verify_certificate,
    verify_signature,
)

ADVERT_BYTES = 280


@dataclass(frozen=True, slots=True, repr=False)
class Advert:
    """What a device says of itself when it joins a round (FEDREC-SA/1 phase 0).

    Attributes:
        device: id, 16 bytes.
        device_public_key: Ed25519, 32 bytes.
        certificate: the registry's word for this key.
        encryption_key: e_pk, X25519, for shares sent to this member, 32 bytes.
        mask_key: m_pk, X25519, for its pair masks, 32 bytes.
        commitment: c_b, to the seed of its own mask, 32 bytes.
        signature: of the device on `signed_bytes`, 64 bytes.
    """

    device: bytes
    device_public_key: bytes
    certificate: Certificate
    encryption_key: bytes
    mask_key: bytes
    commitment: bytes
    signature: bytes

    def __post_init__(self) -> None:
        for name, length in (
            ("device", 16),
            ("device_public_key", 32),
            ("encryption_key", 32),
            ("mask_key", 32),
            ("commitment", 32),
            ("signature", SIGNATURE_BYTES),
        ):
            if len(getattr(self, name)) != length:
                raise Corrupt(f"advert: expected {length} bytes of {name}, got {len(getattr(self, name))}")

    def __repr__(self) -> str:
        return f"Advert({ADVERT_BYTES} bytes)"

    @classmethod
    def signed(
        cls,
        identity: Identity,
        certificate: Certificate,
        ch: bytes,
        encryption_key: bytes,
        mask_key: bytes,
        commitment: bytes,
    ) -> "Advert":
        """An advert for the round whose configuration hashes to `ch`, signed by the device."""
        statement = _statement(ch, identity.device, encryption_key, mask_key, commitment)
        return cls(
            device=identity.device,
            device_public_key=identity.public_key,
            certificate=certificate,
            encryption_key=encryption_key,
            mask_key=mask_key,
            commitment=commitment,
            signature=identity.sign(statement),
        )

    def signed_bytes(self, ch: bytes) -> bytes:
        """What `signature` is on, in the round whose configuration hashes to `ch` (FEDREC-SA/1 section 3)."""
        return _statement(ch, self.device, self.encryption_key, self.mask_key, self.commitment)

    def verify(self, ch: bytes, registry_public_key: bytes, now_seconds: int) -> None:
        """Check id, certificate and signature (FEDREC-SA/1 phase 1). Whether it was revoked is not known here.

        Raises:
            Corrupt: one of the three does not hold.
        """
        if device_id(self.device_public_key) != self.device:
            raise Corrupt(f"advert of device {self.device.hex()}: expected the id that follows from its key")
        verify_certificate(registry_public_key, self.device_public_key, self.certificate, now_seconds)
        if not verify_signature(self.device_public_key, self.signature, self.signed_bytes(ch)):
            raise Corrupt(f"advert of device {self.device.hex()}: expected its signature for this round")

    def encode(self) -> bytes:
        """280 bytes."""
        return b"".join(
            (
                self.device,
                self.device_public_key,
                self.certificate.encode(),
                self.encryption_key,
                self.mask_key,
                self.commitment,
                self.signature,
            )
        )

    @classmethod
    def decode(cls, content: bytes) -> "Advert":
        """Read what `encode` wrote; what it says is not checked (`verify`).

        Raises:
            Corrupt: another length.
        """
        if len(content) != ADVERT_BYTES:
            raise Corrupt(f"advert: expected {ADVERT_BYTES} bytes, got {len(content)}")
        parts, start = [], 0
        for length in (16, 32, CERTIFICATE_BYTES, 32, 32, 32, SIGNATURE_BYTES):
            parts.append(bytes(content[start : start + length]))
            start += length
        device, device_public_key, certificate, *rest = parts
        return cls(device, device_public_key, Certificate.decode(certificate), *rest)


@dataclass(frozen=True, slots=True, repr=False)
class Roster:
    """The members of a round; a member's place here is the number it goes by (FEDREC-SA/1 phase 1).

    Attributes:
        adverts: ascending by device id.
    """

    adverts: tuple[Advert, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.adverts) <= LARGEST_COHORT:
            raise Corrupt(f"roster: expected from 1 to {LARGEST_COHORT} adverts, got {len(self.adverts)}")
        if any(later.device <= earlier.device for earlier, later in pairwise(self.adverts)):
            raise Corrupt("roster: expected device ids in ascending order, each once")
        keys = {key for advert in self.adverts for key in (advert.encryption_key, advert.mask_key)}
        if len(keys) < 2 * len(self.adverts):
            raise Corrupt(f"roster: expected {2 * len(self.adverts)} different keys, got {len(keys)}")

    def __len__(self) -> int:
        return len(self.adverts)

    def __repr__(self) -> str:
        return f"Roster({len(self.adverts)} adverts)"

    @property
    def devices(self) -> tuple[bytes, ...]:
        """Device id by place."""
        return tuple(advert.device for advert in self.adverts)

    def encode(self) -> bytes:
        """280 bytes per advert."""
        return b"".join(advert.encode() for advert in self.adverts)

    @classmethod
    def decode(cls, content: bytes) -> "Roster":
        """Read what `encode` wrote; what the adverts say is not checked (`Advert.verify`).

        Raises:
            Corrupt: bytes missing or left over, ids not ascending, a key twice.
        """
        if len(content) % ADVERT_BYTES:
            raise Corrupt(f"roster: expected a multiple of {ADVERT_BYTES} bytes, got {len(content)}")
        starts = range(0, len(content), ADVERT_BYTES)
        return cls(tuple(Advert.decode(content[start : start + ADVERT_BYTES]) for start in starts))

    def session(self, ch: bytes) -> bytes:
        """ctx, the 32 bytes every key of the round depends on (FEDREC-SA/1 section 3)."""
        return digest("roster", ch, *(advert.encode() for advert in self.adverts))


# Rosters are public, and the many devices of a simulation are shown the same one: it is read and checked once.


@lru_cache(maxsize=1)
def read_roster(content: bytes) -> Roster:
    """`Roster.decode`, of the same bytes once.

    Raises:
        Corrupt: as there.
    """
    return Roster.decode(content)


@lru_cache(maxsize=1)
def places_of(content: bytes) -> Mapping[bytes, int]:
    """Place of each member of an encoded roster, by device id; of the same bytes once.

    Raises:
        Corrupt: see `read_roster`.
    """
    return MappingProxyType({device: place for place, device in enumerate(read_roster(content).devices)})


@lru_cache(maxsize=1)
def signers_of(content: bytes) -> bytes:
    """Ed25519 keys of the members of an encoded roster, 32 bytes each; of the same bytes once.

    Raises:
        Corrupt: see `read_roster`.
    """
    return b"".join(advert.device_public_key for advert in read_roster(content).adverts)


@lru_cache(maxsize=1)
def session_of(content: bytes, ch: bytes) -> bytes:
    """`Roster.session` of an encoded roster, of the same bytes once.

    Raises:
        Corrupt: see `read_roster`.
    """
    return read_roster(content).session(ch)


@lru_cache(maxsize=1)
def verify_roster(content: bytes, ch: bytes, registry_public_key: bytes, now_seconds: int) -> None:
    """Check every advert of an encoded roster (`Advert.verify`), of the same bytes once.

    Raises:
        Corrupt: one of them does not hold.
    """
    for advert in read_roster(content).adverts:
        advert.verify(ch, registry_public_key, now_seconds)


def _statement(ch: bytes, device: bytes, encryption_key: bytes, mask_key: bytes, commitment: bytes) -> bytes:
    return LABEL + b"advert" + ch + device + encryption_key + mask_key + commitment
