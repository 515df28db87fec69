"""Chance that a simulation can repeat: of one device in one round, from one seed."""

import hashlib

import numpy as np

from shared.privacy import Keystream, RandomBytes


class SeededRandomness:
    """Chance that a simulation can repeat. Devices outside simulations have no such thing."""

    def __init__(self, seed: int, device: int, round_number: int) -> None:
        self._words = (seed, device, round_number)

    def _seed(self, purpose: str) -> int:
        text = f"{self._words} {purpose}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1

    def numpy(self, purpose: str) -> np.random.Generator:
        """A generator that seed, device, round and purpose determine."""
        return np.random.default_rng(self._seed(purpose))

    def bytes(self, purpose: str) -> RandomBytes:
        """A keystream whose key seed, device, round and purpose determine."""
        return Keystream(hashlib.sha256(f"{self._words} {purpose} bytes".encode()).digest())
