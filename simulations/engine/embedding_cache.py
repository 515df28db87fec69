"""Readings of public catalogues, kept between runs in the user's cache folder. Never a text, nothing of a person."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.files import cache_folder, write_atomically
from shared.model import GlobalModel, Progress, Readings, check_readable, read_and_keep

_LIMIT_BYTES = 2 * 2**30
_DOWN = "adapter.safetensors"


def read_catalogue(
    model: GlobalModel, catalogue: Catalogue, max_tokens: int, progress: Progress = lambda _: None
) -> Readings:
    """Readings of a catalogue under an untrained adapter fitted to it, from the cache where it has them.

    What is encoded is kept every few thousand texts: a run that is stopped goes on there. See `read_and_keep`.
    What was made in another precision, or on another accelerator, is not taken from there.

    Raises:
        Misconfigured: the encoder cannot read the catalogue; one of which the cache has anything was found readable.
    """
    encoder = model.encoder
    told = f"readable {encoder.digest} {encoder.arithmetic} {max_tokens} {encoder.rank} {catalogue.digest()}"
    folder = _folder() / hashlib.sha256(told.encode()).hexdigest()
    if not any(folder.glob("*/*/*")):
        check_readable(encoder, catalogue)
    if encoder.rank:
        _take_down(folder / _DOWN, model, catalogue)
    readings, _ = read_and_keep(folder / "slabs", encoder, catalogue.texts, progress)
    with suppress(OSError):  # a read-only cache folder costs time, nothing else
        os.utime(folder)
        _trim(folder)
    return readings


def _take_down(path: Path, model: GlobalModel, catalogue: Catalogue) -> None:
    """Have the encoder read with the A that a catalogue gives, from the cache where it has one."""
    try:
        model.encoder.take_down(load_tensors(path.read_bytes())["down"])
    except (OSError, SafetensorError, KeyError, Misconfigured):  # none yet, or a damaged one
        model.encoder.fit_down(catalogue.texts)
        with suppress(OSError, Misconfigured):
            write_atomically(path, save_tensors({"down": model.encoder.adapter_down}))


def _folder() -> Path:
    return cache_folder() / "embeddings"


def _trim(used: Path) -> None:
    """Remove the catalogues unused for longest beyond the limit, never the one just used."""
    total = 0
    for folder in sorted(_folder().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True):
        total += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if total > _LIMIT_BYTES and folder != used:
            shutil.rmtree(folder, ignore_errors=True)
