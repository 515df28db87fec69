"""Embeddings of public catalogues, kept between runs in the user's cache folder. Never a text, nothing of a person."""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.files import write_atomically
from shared.model import GlobalModel, Progress, check_readable

_LIMIT_BYTES = 2 * 2**30


def embed_catalogue(
    model: GlobalModel, catalogue: Catalogue, max_tokens: int, progress: Progress = lambda _: None
) -> NDArray[np.float32]:
    """Embeddings float32 [items, width] of a catalogue under untrained adapters, from the cache where it has them.

    What was made in another precision, or on another accelerator, is not taken from there.

    Raises:
        Misconfigured: the encoder cannot read the catalogue; what is in the cache was found to be readable.
    """
    told = f"readable {model.encoder.digest} {model.encoder.arithmetic} {max_tokens} {catalogue.digest()}"
    name = hashlib.sha256(told.encode()).hexdigest()
    path = _folder() / f"{name}.safetensors"
    try:
        kept = load_tensors(path.read_bytes())["embeddings"]
        if kept.shape == (len(catalogue), model.encoder.width):
            os.utime(path)
            progress(len(catalogue))
            return np.asarray(kept)
    except (OSError, SafetensorError, KeyError):
        pass  # absent or damaged: encode again
    check_readable(model.encoder, catalogue)
    embeddings = model.encoder.embed(catalogue.texts, progress=progress)
    try:
        write_atomically(path, save_tensors({"embeddings": embeddings}))
        _trim()
    except (Misconfigured, OSError):
        pass  # a full or read-only cache folder costs time, nothing else
    return embeddings


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hushrec" / "embeddings"


def _trim() -> None:
    """Remove the longest unused files beyond the limit."""
    files = sorted(_folder().glob("*.safetensors"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > _LIMIT_BYTES:
            file.unlink(missing_ok=True)
