"""Where a device's chance comes from: the operating system. Nothing here can be seeded."""

import os
import secrets
from typing import Protocol

import numpy as np

from shared.privacy import RandomBytes


class Randomness(Protocol):
    """Independent generators for one answer of one device."""

    def numpy(self, purpose: str) -> np.random.Generator:
        """A generator for sampling (windows, negatives)."""
        ...

    def bytes(self, purpose: str) -> RandomBytes:
        """A source of secrets and of noise."""
        ...


class SystemRandomness:
    """Generators whose state comes from the operating system's entropy, fresh at every call.

    The generator of numpy is not cryptographic: it draws windows and negatives, and the noise of sums in the open,
    which simulated devices alone send. Secrets and all other noise come from the operating system itself.
    """

    def __repr__(self) -> str:
        return "SystemRandomness()"

    def numpy(self, purpose: str) -> np.random.Generator:
        """A PCG64 generator with 128 fresh bits for its state, whatever the purpose."""
        return np.random.Generator(np.random.PCG64(secrets.randbits(128)))

    def bytes(self, purpose: str) -> RandomBytes:
        """The operating system's own source, `os.urandom`, whatever the purpose."""
        return os.urandom
