"""Keeps the frozen lower layers' activations of each text, found again by the text's hash.

What fits the memory budget stays in memory; beyond it, activations lie in an unnamed memory-mapped file that ends with
the process. Nothing is ever written under a name, because texts may be private.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

Activation = NDArray[np.float32]  # shape [tokens, width]


class ActivationStore:
    """Ragged float32 activations by content hash."""

    def __init__(self, memory_bytes: int = 512 * 2**20) -> None:
        self._memory_bytes = memory_bytes
        self._held_bytes = 0
        self._held: dict[bytes, Activation] = {}
        self._spilled: dict[bytes, tuple[int, tuple[int, int]]] = {}
        self._file: IO[bytes] | None = None
        self._file_bytes = 0
        self._map: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        return f"ActivationStore({len(self._held)} in memory, {len(self._spilled)} mapped)"

    def __len__(self) -> int:
        return len(self._held) + len(self._spilled)

    @property
    def held_bytes(self) -> int:
        """Bytes of activations in memory; never more than the budget."""
        return self._held_bytes

    @staticmethod
    def key(text: str) -> bytes:
        """Content hash of a text."""
        return hashlib.sha256(text.encode()).digest()

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those texts, each once, whose activations are not kept yet."""
        return [
            text for text in dict.fromkeys(texts) if (k := self.key(text)) not in self._held and k not in self._spilled
        ]

    def put(self, text: str, activation: Activation) -> None:
        """Keep one text's activations, shape [tokens, width]."""
        key = self.key(text)
        activation = np.ascontiguousarray(activation, np.float32)
        if self._held_bytes + activation.nbytes <= self._memory_bytes:
            self._held[key] = activation.copy()
            self._held_bytes += activation.nbytes
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="hushrec-activations-")  # noqa: SIM115 - lives with the store
        self._file.seek(self._file_bytes)
        self._file.write(activation.tobytes())
        self._spilled[key] = (self._file_bytes // 4, (activation.shape[0], activation.shape[1]))
        self._file_bytes += activation.nbytes
        self._map = None

    def get(self, text: str) -> Activation:
        """One text's activations, shape [tokens, width].

        Raises:
            KeyError: they were never put.
        """
        key = self.key(text)
        if (held := self._held.get(key)) is not None:
            return held
        start, (tokens, width) = self._spilled[key]
        if self._map is None:
            if self._file is None:
                raise RuntimeError("activations: expected a file that holds those not in memory, got none")
            self._file.flush()
            self._map = np.memmap(self._file, np.float32, mode="r", shape=(self._file_bytes // 4,))
        return np.asarray(self._map[start : start + tokens * width].reshape(tokens, width))
