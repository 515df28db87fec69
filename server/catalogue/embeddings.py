"""Embeddings of catalogue texts, kept from one import to the next: a text is encoded once for an encoder.

They are public, as the texts are. Losing the file costs time and nothing else.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from server.logs import log_line
from shared.files import write_atomically
from shared.model import GlobalModel, Vector

_SLAB = 2048  # texts between two savings, so that an import that is killed goes on where it was

Embeddings = NDArray[np.float32]


class EmbeddingFile:
    """Embeddings by the text's hash, under one encoder and one set of adapters; another one starts anew."""

    def __init__(self, path: Path, model: GlobalModel, vector: Vector, max_tokens: int) -> None:
        """The embeddings at `path`.

        Args:
            path: of the file that keeps embeddings from one import to the next.
            model: whose encoder reads the texts.
            vector: float32 [d], parameters whose adapters the texts are encoded under.
            max_tokens: where a text is cut.
        """
        self._path, self._model, self._vector = path, model, vector
        adapters = model.layout.extract(vector, ["adapters"]).tobytes() if "adapters" in model.layout.groups else b""
        told = f"{model.encoder.digest} {max_tokens} {model.encoder.width} ".encode()
        self._encoder = hashlib.sha256(told + adapters).hexdigest()
        self._held = self._read()

    def __repr__(self) -> str:
        return f"EmbeddingFile({len(self._held)} texts)"

    def embed(self, texts: Sequence[str], progress: Callable[[int, int], None]) -> tuple[Embeddings, int]:
        """Embeddings float32 [texts, width], and how many texts had to be encoded for it.

        Args:
            texts: at least one; each different one is encoded once.
            progress: called with how many of the texts to encode are done, and how many they are.

        Raises:
            Misconfigured: the file cannot be written.
        """
        missing = [text for text in dict.fromkeys(texts) if _key(text) not in self._held]
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            progress(done, len(missing))

        for start in range(0, len(missing), _SLAB):
            slab = missing[start : start + _SLAB]
            with self._model.at(self._vector):
                rows = self._model.encoder.embed(slab, progress=tell)
            for text, row in zip(slab, rows, strict=True):
                self._held[_key(text)] = row
            self._save()
        return np.stack([self._held[_key(text)] for text in texts]), len(missing)

    def _read(self) -> dict[bytes, Embeddings]:
        try:
            with safe_open(self._path, framework="numpy") as file:
                if (file.metadata() or {}).get("encoder") != self._encoder:
                    return {}
                keys, rows = file.get_tensor("keys"), file.get_tensor("embeddings")
            if keys.shape != (len(rows), 32) or rows.shape[1:] != (self._model.encoder.width,):
                raise ValueError("its tables do not fit")
        except FileNotFoundError:
            return {}
        except (OSError, SafetensorError, ValueError) as error:
            log_line("embeddings-unreadable", file=self._path.name, reason=type(error).__name__)
            return {}
        return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}

    def _save(self) -> None:
        keys = np.frombuffer(b"".join(self._held), np.uint8).reshape(len(self._held), 32)
        tensors: dict[str, NDArray[Any]] = {"keys": keys, "embeddings": np.stack(list(self._held.values()))}
        write_atomically(self._path, save_tensors(tensors, metadata={"encoder": self._encoder}))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
