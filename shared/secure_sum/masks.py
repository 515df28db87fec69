"""Masks: AES-256-CTR key streams read as 32-bit words, added to a vector in place (FEDREC-SA/1 section 2)."""

from typing import Literal

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from shared.errors import Misconfigured

Words = NDArray[np.uint32]

# Words made at a time: key stream and vector part stay in a core's cache.
_CHUNK = 32768
_ZEROS = bytes(4 * _CHUNK)
# What `update_into` asks of its buffer beyond the data.
_SLACK = 15


def key_stream(key: bytes) -> CipherContext:
    """AES-256-CTR from an all-zero counter; encrypting zeros gives the stream."""
    return Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()


def mask_words(key: bytes, length: int) -> Words:
    """The first `length` words of a key's stream, uint32."""
    return np.frombuffer(key_stream(key).update(bytes(4 * length)), "<u4").astype(np.uint32, copy=False)


def add_mask(accumulator: Words, key: bytes, sign: Literal[1, -1]) -> None:
    """Add or subtract a key's words, modulo 2^32, in place.

    Args:
        accumulator: uint32 of one dimension.
        key: 32 bytes.
        sign: 1 adds, -1 subtracts.

    Raises:
        Misconfigured: another dtype, shape or sign.
    """
    if accumulator.dtype != np.uint32 or accumulator.ndim != 1 or sign not in (1, -1):
        raise Misconfigured(
            f"mask: expected a uint32 vector and a sign of 1 or -1, got {accumulator.dtype} with "
            f"{accumulator.ndim} dimensions and {sign}"
        )
    combine = np.add if sign == 1 else np.subtract
    length = min(_CHUNK, len(accumulator))
    stream, buffer = key_stream(key), bytearray(4 * length + _SLACK)
    words = np.frombuffer(buffer, "<u4", length)
    for start in range(0, len(accumulator), _CHUNK):
        part = accumulator[start : start + _CHUNK]
        stream.update_into(memoryview(_ZEROS)[: part.nbytes], buffer)
        combine(part, words[: len(part)], out=part)
