"""Embeddings of public catalogues, kept between runs in the user's cache folder. Never a text, nothing of a person."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.catalogue import Catalogue
from shared.model import GlobalModel, Progress, check_readable, embed_and_keep

_LIMIT_BYTES = 2 * 2**30


def embed_catalogue(
    model: GlobalModel, catalogue: Catalogue, max_tokens: int, progress: Progress = lambda _: None
) -> NDArray[np.float32]:
    """Embeddings float32 [items, width] of a catalogue under untrained adapters, from the cache where it has them.

    What is encoded is kept every few thousand texts: a run that is stopped goes on there. See `embed_and_keep`.
    What was made in another precision, or on another accelerator, is not taken from there.

    Raises:
        Misconfigured: the encoder cannot read the catalogue; one of which the cache has anything was found readable.
    """
    told = f"readable {model.encoder.digest} {model.encoder.arithmetic} {max_tokens} {catalogue.digest()}"
    folder = _folder() / hashlib.sha256(told.encode()).hexdigest()
    if not any(folder.glob("*/*")):
        check_readable(model.encoder, catalogue)
    embeddings, _ = embed_and_keep(folder, model.encoder, catalogue.texts, progress)
    with suppress(OSError):  # a read-only cache folder costs time, nothing else
        os.utime(folder)
        _trim(folder)
    return embeddings


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hushrec" / "embeddings"


def _trim(used: Path) -> None:
    """Remove the catalogues unused for longest beyond the limit, never the one just used."""
    total = 0
    for folder in sorted(_folder().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True):
        total += sum(file.stat().st_size for file in folder.glob("*/*"))
        if total > _LIMIT_BYTES and folder != used:
            shutil.rmtree(folder, ignore_errors=True)
