"""The keys two members agree on, those a member draws from its own secrets, and the commitment to one of them.

Implements FEDREC-SA/1 section 3. Secrets pass through as arguments; nothing here keeps, prints or logs one.
"""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.errors import Corrupt
from shared.secure_sum.hashing import LABEL, derive, digest


def mask_secret(mask_seed: int) -> bytes:
    """m_sk, the X25519 secret behind a member's pair masks, from its shared-out seed (FEDREC-SA/1 section 3)."""
    return derive(_scalar(mask_seed), bytes(32), LABEL + b"mask-sk")


def public_key(secret: bytes) -> bytes:
    """The X25519 public key of a 32-byte secret."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def shared_secret(secret: bytes, peer_public: bytes) -> bytes:
    """X25519 (RFC 7748) of a 32-byte secret and a peer's public key.

    Raises:
        Corrupt: no 32-byte key, or one whose result is all zero.
    """
    return shared_secrets(secret, [peer_public])[0]


def shared_secrets(secret: bytes, peers: Iterable[bytes]) -> list[bytes]:
    """X25519 of one secret and many peers' public keys, in their order; the secret is read once.

    Raises:
        Corrupt: as `shared_secret`.
    """
    try:
        key = X25519PrivateKey.from_private_bytes(secret)
        return [key.exchange(X25519PublicKey.from_public_bytes(peer)) for peer in peers]
    except ValueError:
        raise Corrupt("key agreement: expected a 32-byte X25519 public key of full order from the peer") from None


def share_key(shared: bytes, session: bytes, sender: bytes, receiver: bytes) -> bytes:
    """The key of the one envelope from `sender` to `receiver` (FEDREC-SA/1 section 3).

    Args:
        shared: X25519 of the two encryption keys.
        session: ctx, 32 bytes.
        sender: device id, 16 bytes, of who sends the envelope.
        receiver: device id, 16 bytes; the key differs by direction.
    """
    return derive(shared, session, LABEL + b"share" + sender + receiver)


def pair_key(shared: bytes, session: bytes, device: bytes, other: bytes) -> bytes:
    """The mask key of two neighbours, the same from either side (FEDREC-SA/1 section 3).

    Args:
        shared: X25519 of the two mask keys.
        session: ctx, 32 bytes.
        device: id of one of the two, 16 bytes.
        other: id of the other, 16 bytes.
    """
    return derive(shared, session, LABEL + b"pair" + min(device, other) + max(device, other))


def self_key(b: int, session: bytes, device: bytes) -> bytes:
    """The key of a member's own mask (FEDREC-SA/1 section 3)."""
    return derive(_scalar(b), session, LABEL + b"self" + device)


def commitment(ch: bytes, device: bytes, b: int) -> bytes:
    """c_b, by which a rebuilt `b` is recognised (FEDREC-SA/1 section 3)."""
    return digest("commit-b", ch, device, _scalar(b))


def _scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")
