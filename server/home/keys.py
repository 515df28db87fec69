"""Private keys as files: PKCS8 PEM of mode 0600. A key never prints, and no error quotes one."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically

SECRET_BYTES = 32

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def new_secret() -> bytes:
    """64 hexadecimal digits: Flower takes every byte of the file, and an editor may not survive others."""
    return secrets.token_hex(SECRET_BYTES).encode()


def write_key(path: Path, key: PrivateKey) -> None:
    """Write a private key of mode 0600."""
    write_private(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whatever the umask."""
    write_atomically(path, content)  # through a temporary file of that mode
    os.chmod(path, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Write a file of mode 0644, whatever the umask."""
    write_atomically(path, content)
    os.chmod(path, 0o644)


def read_ed25519(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key.

    Raises:
        Misconfigured: the file cannot be read.
        Corrupt: it is no such key.
    """
    key = _read(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong(path, "an Ed25519 private key")
    return key


def read_p256(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 private key.

    Raises:
        Misconfigured: the file cannot be read.
        Corrupt: it is no such key.
    """
    key = _read(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _wrong(path, "a P-256 private key")
    return key


def _read(path: Path) -> object:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Misconfigured(
            f"{path}: expected a private key, could not be read ({error.strerror}); restore it from a copy"
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(path, "a private key in PEM without a passphrase") from None


def _wrong(path: Path, expected: str) -> Corrupt:
    return Corrupt(f"{path}: expected {expected}, got something else; restore it from a copy")
