"""Texts of people's own and their readings in one place: encoded once, in batches, for all devices and processes."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt
from shared.files import write_atomically
from simulations.people import save_array

_TEXTS, _READINGS = "texts.json", "readings.npy"


def write_own_words(folder: Path, numbers: Mapping[str, int], readings: NDArray[np.float32]) -> None:
    """Write texts in the order of their numbers, and their readings, float32 [texts, width + rank]."""
    save_array(folder / _READINGS, readings)
    write_atomically(folder / _TEXTS, json.dumps(list(numbers)).encode())


def read_own_words(folder: Path) -> tuple[dict[str, int], NDArray[np.float32]]:
    """What `write_own_words` wrote; the readings are mapped.

    Raises:
        Corrupt: it is missing or damaged.
    """
    try:
        texts = json.loads((folder / _TEXTS).read_bytes())
        readings = np.load(folder / _READINGS, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise Corrupt(f"words of simulated devices {folder}: could not be read ({error}); start anew") from None
    return {text: number for number, text in enumerate(texts)}, readings
