"""Readings of public texts, kept in slabs while they are made: work that is killed goes on where it was.

A slab is one file with the readings (`Encoder.read`) of some thousand texts. It is written once, whole or not at all,
never changed, and named by the SHA-256 of its content, so that a damaged one is found. Losing slabs
costs time and nothing else.
"""

import hashlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.errors import Misconfigured
from shared.files import write_atomically
from shared.model.encoder import Encoder, Progress, Readings

_SLAB = 2048  # texts between two savings: sorted by length among so many, next to no padding is encoded
_KEY_BYTES = 32

_LOGGER = logging.getLogger("hushrec.embeddings")


def read_and_keep(
    folder: Path, encoder: Encoder, texts: Sequence[str], progress: Progress = lambda _: None
) -> tuple[Readings, int]:
    """Readings as `Encoder.read` gives them, each from the folder's slabs where it is there, else encoded and kept.

    A slab that is damaged is removed, and its texts are encoded anew; one that cannot be written is done without. The
    log tells of both.

    Args:
        folder: of slabs alone. It holds what one state of one encoder made: what another made is removed.
        encoder: reads the texts, under its present adapter.
        texts: public ones, for what is kept can be looked for by whoever knows a text.
        progress: called with how many different texts were kept already, then after each batch with how many it held.

    Returns:
        Readings float32 [texts, width + rank], and how many texts were encoded for them.

    Example:
        >>> rows, encoded = read_and_keep(folder / "slabs", model.encoder, ["a red rose", "a drum", "a red rose"])
        >>> encoded, read_and_keep(folder / "slabs", model.encoder, ["a drum"])[1]
        (2, 0)
    """
    slabs = folder / encoder.state_digest()
    _remove_others(slabs)
    unique = list(dict.fromkeys(texts))
    keys = [hashlib.sha256(text.encode()).digest() for text in unique]
    rows = {key: row for row, key in enumerate(keys)}
    numbers = encoder.width + encoder.rank
    result = np.empty((len(unique), numbers), np.float32)
    missing = np.ones(len(unique), bool)
    for kept_keys, readings in _read(slabs, numbers):
        wanted = np.array([rows.get(key, -1) for key in kept_keys], np.int64)
        result[wanted[wanted >= 0]] = readings[wanted >= 0]
        missing[wanted[wanted >= 0]] = False
    ahead = np.flatnonzero(missing).tolist()
    if len(ahead) < len(unique):
        progress(len(unique) - len(ahead))
    for start in range(0, len(ahead), _SLAB):
        slab = ahead[start : start + _SLAB]
        result[slab] = encoder.read([unique[row] for row in slab], progress)
        _write(slabs, [keys[row] for row in slab], result[slab])
    if len(unique) == len(texts):
        return result, len(ahead)
    places = {text: row for row, text in enumerate(unique)}
    return result[[places[text] for text in texts]], len(ahead)


def _read(slabs: Path, numbers: int) -> Iterator[tuple[list[bytes], Readings]]:
    for path in sorted(slabs.glob("*.safetensors")):
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != path.stem:
                raise ValueError("not what was written")
            tensors = load_tensors(content)
            keys, readings = tensors["keys"], tensors["readings"]
            if keys.shape != (len(readings), _KEY_BYTES) or readings.shape[1:] != (numbers,):
                raise ValueError("tables of other shapes")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            _LOGGER.warning("slab %s is damaged (%s); its texts are encoded again", path, error)
            with suppress(OSError):
                path.unlink()
            continue
        joined = keys.tobytes()
        yield [joined[start : start + _KEY_BYTES] for start in range(0, len(joined), _KEY_BYTES)], readings


def _write(slabs: Path, keys: Sequence[bytes], readings: Readings) -> None:
    table: NDArray[np.uint8] = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), _KEY_BYTES)
    content = save_tensors({"keys": table, "readings": readings})
    try:
        write_atomically(slabs / f"{hashlib.sha256(content).hexdigest()}.safetensors", content)
    except (Misconfigured, OSError) as error:
        _LOGGER.warning("a slab could not be kept: %s", error)


def _remove_others(slabs: Path) -> None:
    """Remove what other states of encoders made."""
    with suppress(OSError):
        for other in slabs.parent.iterdir():
            if other != slabs:
                shutil.rmtree(other, ignore_errors=True)
