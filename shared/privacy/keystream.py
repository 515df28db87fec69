"""Bytes nobody can predict: the operating system's, or those a 32-byte key of it expands to. Never prints a key."""

import os
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from shared.errors import Misconfigured

RandomBytes = Callable[[int], bytes]  # `n` -> the next `n` bytes; `os.urandom` is one

KEY_BYTES = 32


class Keystream:
    """AES-256 in counter mode, started at zero, read forwards: `stream(n)` gives the next `n` bytes.

    One key serves one purpose once. Integers taken from it are little-endian.
    """

    def __init__(self, key: bytes) -> None:
        """Start the stream of a key of 32 bytes.

        Raises:
            Misconfigured: the key is not 32 bytes long.
        """
        if len(key) != KEY_BYTES:
            raise Misconfigured(f"keystream: expected a key of {KEY_BYTES} bytes, got {len(key)}")
        self._encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    @classmethod
    def drawn(cls, random_bytes: RandomBytes = os.urandom) -> "Keystream":
        """The stream of a fresh key."""
        return cls(random_bytes(KEY_BYTES))

    def __repr__(self) -> str:
        return "Keystream(AES-256-CTR)"

    def __call__(self, length: int) -> bytes:
        """The next `length` bytes of the stream."""
        return self._encryptor.update(bytes(length))
