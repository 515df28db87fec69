"""The two ways this protocol hashes: labelled SHA-256 over length-prefixed parts, and HKDF-SHA256.

Implements FEDREC-SA/1 section 2 (hash, key derivation) and the device id of section 3.
"""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABEL = b"FEDREC-SA/1 "


def digest(label: str, *parts: bytes) -> bytes:
    """H of FEDREC-SA/1 section 2: SHA-256 over the label and each part behind its u32 length.

    Returns:
        32 bytes.
    """
    state = hashlib.sha256(LABEL + label.encode("ascii"))
    for part in parts:
        state.update(len(part).to_bytes(4, "little"))
        state.update(part)
    return state.digest()


def derive(ikm: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) of `length` bytes."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


def device_id(public_key: bytes) -> bytes:
    """The 16 bytes that name a device by its Ed25519 public key (FEDREC-SA/1 section 3)."""
    return hashlib.sha256(LABEL + b"device-id" + public_key).digest()[:16]
