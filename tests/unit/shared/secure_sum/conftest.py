"""The published vectors, and the members of the round they describe, with their replayed randomness."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shared.secure_sum import (
    Advert,
    Certificate,
    Identity,
    Roster,
    RoundConfiguration,
    commitment,
    draw_element,
    issue_certificate,
    mask_secret,
    public_key,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "fedrec-sa-1.json"


def replayed(seed: bytes) -> Callable[[int], bytes]:
    """Bytes on demand from AES-256-CTR, as the vectors' members drew them."""
    stream = Cipher(algorithms.AES256(hashlib.sha256(seed).digest()), modes.CTR(bytes(16))).encryptor()
    return lambda count: stream.update(bytes(count))


@dataclass(frozen=True)
class Member:
    """One member and everything it drew before the roster was known."""

    identity: Identity
    random_bytes: Callable[[int], bytes]
    encryption_secret: bytes
    mask_seed: int
    b: int
    advert: Advert


@dataclass(frozen=True)
class Round:
    """The round of the vectors before anything was sent; members stand in the order of the roster."""

    configuration: RoundConfiguration
    registry_public_key: bytes
    members: tuple[Member, ...]

    @property
    def roster(self) -> Roster:
        return Roster(tuple(member.advert for member in self.members))


def join(index: int, ch: bytes, certify: Callable[[bytes], Certificate]) -> Member:
    identity = Identity(Ed25519PrivateKey.from_private_bytes(bytes([index + 1]) * 32))
    random_bytes = replayed(b"tv" + bytes([index]))
    encryption_secret = random_bytes(32)
    mask_seed, b = draw_element(random_bytes), draw_element(random_bytes)
    advert = Advert.signed(
        identity,
        certify(identity.public_key),
        ch,
        public_key(encryption_secret),
        public_key(mask_secret(mask_seed)),
        commitment(ch, identity.device, b),
    )
    return Member(identity, random_bytes, encryption_secret, mask_seed, b, advert)


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    return json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.fixture
def vector_round() -> Round:
    """Made anew for each test: the members' randomness is used up as they go on."""
    configuration = RoundConfiguration(
        task_id=bytes(range(16)),
        round_number=42,
        model_hash=hashlib.sha256(b"model").digest(),
        registry_hash=hashlib.sha256(b"registry").digest(),
        dimension=8,
        clip_norm=1.0,
        rho_units=2**39,
        minimum_cohort=3,
        maximum_cohort=4096,
        corrupt_ppm=100_000,
        dropout_ppm=200_000,
    )
    registry = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
    members = [
        join(index, configuration.digest(), lambda key: issue_certificate(registry, key, 2**40)) for index in range(5)
    ]
    members.sort(key=lambda member: member.identity.device)
    return Round(configuration, registry.public_key().public_bytes_raw(), tuple(members))
