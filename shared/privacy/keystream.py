"""Bytes nobody can predict: the operating system's, or those a 32-byte key of it expands to. Never prints a key."""

import os
from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from shared.errors import Misconfigured

RandomBytes = Callable[[int], bytes]  # `n` -> the next `n` bytes; `os.urandom` is one

KEY_BYTES = 32
_BLOCK_WORDS = 4  # in the 16 bytes that AES makes of one number of the counter


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
        self._aes = algorithms.AES(key)
        self._encryptor = Cipher(self._aes, modes.CTR(bytes(16))).encryptor()

    @classmethod
    def drawn(cls, random_bytes: RandomBytes = os.urandom) -> "Keystream":
        """The stream of a fresh key."""
        return cls(random_bytes(KEY_BYTES))

    def __repr__(self) -> str:
        return "Keystream(AES-256-CTR)"

    def __call__(self, length: int) -> bytes:
        """The next `length` bytes of the stream."""
        return self._encryptor.update(bytes(length))

    def words_at(self, places: NDArray[np.int64]) -> NDArray[np.uint32]:
        """The 32-bit words at some places of the stream, counted from its start: uint32 [n]; reads nothing forwards."""
        counter = np.zeros((len(places), 2), ">u8")
        counter[:, 1] = places // _BLOCK_WORDS
        # A block of counter mode is the counter itself under the cipher.
        blocks = Cipher(self._aes, modes.ECB()).encryptor().update(counter.tobytes())  # noqa: S305
        words = np.frombuffer(blocks, "<u4").reshape(-1, _BLOCK_WORDS)
        return np.asarray(words[np.arange(len(places)), places % _BLOCK_WORDS], np.uint32)
