"""Shares on their way to a neighbour: AES-256-GCM, one key for one envelope (FEDREC-SA/1 phase 1)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Corrupt, Misconfigured

SHARES_BYTES = 64
ENVELOPE_BYTES = 80

# Each key encrypts exactly one message, so that a constant nonce never meets the same key twice.
_NONCE = bytes(12)


def seal(key: bytes, sender: int, receiver: int, session: bytes, shares: bytes) -> bytes:
    """Encrypt the 64 bytes of two shares.

    Args:
        key: of this direction between the two (`share_key`).
        sender: place in the roster of who holds the secrets that are shared out.
        receiver: place in the roster of who will hold the shares.
        session: ctx, 32 bytes.
        shares: share of b, then share of the mask seed.

    Returns:
        80 bytes.

    Raises:
        Misconfigured: the shares are not 64 bytes.
    """
    if len(shares) != SHARES_BYTES:
        raise Misconfigured(f"envelope: expected {SHARES_BYTES} bytes of shares, got {len(shares)}")
    return AESGCM(key).encrypt(_NONCE, shares, _bound(session, sender, receiver))


def open_envelope(key: bytes, sender: int, receiver: int, session: bytes, envelope: bytes) -> bytes:
    """Decrypt what `seal` made with the same key, places and session: 64 bytes.

    Raises:
        Corrupt: it was made with others, or altered.
    """
    if len(envelope) != ENVELOPE_BYTES:
        raise Corrupt(f"envelope from member {sender}: expected {ENVELOPE_BYTES} bytes, got {len(envelope)}")
    try:
        return AESGCM(key).decrypt(_NONCE, envelope, _bound(session, sender, receiver))
    except InvalidTag:
        raise Corrupt(f"envelope from member {sender}: expected one sealed for member {receiver} here") from None


def _bound(session: bytes, sender: int, receiver: int) -> bytes:
    return session + sender.to_bytes(2, "little") + receiver.to_bytes(2, "little")
