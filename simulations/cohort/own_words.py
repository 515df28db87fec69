"""Texts of people's own and their embeddings in one place: encoded once, in batches, for all devices and processes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event, positive_events
from shared.errors import Corrupt
from shared.files import write_atomically
from simulations.cohort.window_columns import save_array

_TEXTS, _EMBEDDINGS = "texts.json", "embeddings.npy"


def number_texts(logs: Iterable[Sequence[Event]]) -> dict[str, int]:
    """Each different text of people's own that training reads, with its number."""
    texts = dict.fromkeys(event.text for log in logs for event in positive_events(log) if event.text)
    return {text: number for number, text in enumerate(texts)}


def write_own_words(folder: Path, numbers: Mapping[str, int], embeddings: NDArray[np.float32]) -> None:
    """Write texts in the order of their numbers, and their embeddings, float32 [texts, width]."""
    save_array(folder / _EMBEDDINGS, embeddings)
    write_atomically(folder / _TEXTS, json.dumps(list(numbers)).encode())


def read_own_words(folder: Path) -> tuple[dict[str, int], NDArray[np.float32]]:
    """What `write_own_words` wrote; the embeddings are mapped.

    Raises:
        Corrupt: it is missing or damaged.
    """
    try:
        texts = json.loads((folder / _TEXTS).read_bytes())
        embeddings = np.load(folder / _EMBEDDINGS, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise Corrupt(f"words of simulated devices {folder}: could not be read ({error}); start anew") from None
    return {text: number for number, text in enumerate(texts)}, embeddings
