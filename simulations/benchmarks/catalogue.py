"""Texts of a large catalogue, encoded through slabs: what keeping them costs, and what it saves where a run is stopped.

Times are CPU times of one thread.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from shared.arrays import F32Matrix
from shared.federation import read_federation
from shared.model import Encoder, build_model, read_and_keep
from shared.model import Progress as Told
from simulations.benchmarks.timing import slope_on_log_axes
from simulations.datasets import load
from simulations.engine import one_thread
from simulations.report import Progress

_TEXTS, _STOPPED = 4096, 3072  # texts, and how many are encoded when the run is stopped
_WARM = 64  # texts that are encoded before any time is taken
_WIDTH = 384
_SIZES = (10_000, 30_000, 100_000)

_Result = TypeVar("_Result")


def benchmark_catalogue(progress: Progress) -> dict[str, Any]:
    """4,096 texts encoded at once, and kept in slabs, stopped after 3,072 and gone on with; up to 100,000 rows kept."""
    settings = read_federation()
    encoder = build_model(settings, light=True).encoder
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        with progress.stage("encoding"):
            encoding = _stopped_and_resumed(Path(folder) / "texts", encoder, _texts(_TEXTS))
        with progress.stage("keeping"):
            kept = [_kept(Path(folder) / str(size), size) for size in _SIZES]
    slope = slope_on_log_axes(_SIZES, [row["keeping, seconds"] for row in kept])
    return encoding | {"rows": kept, "keeping, slope on log axes": slope}


def _stopped_and_resumed(folder: Path, encoder: Encoder, texts: Sequence[str]) -> dict[str, Any]:
    encoder.read(texts[:_WARM])
    at_once, plain = _seconds(lambda: encoder.read(texts))
    before, _ = _seconds(lambda: _stopped(folder, encoder, texts))
    after, (rows, encoded) = _seconds(lambda: read_and_keep(folder, encoder, texts))
    again, _ = _seconds(lambda: read_and_keep(folder, encoder, texts))
    return {
        "texts": len(texts),
        "at once, texts a second": len(texts) / at_once,
        "in slabs, texts a second": (_STOPPED + encoded) / (before + after),
        "ratio of slabs to at once": (before + after) / (_STOPPED + encoded) / (at_once / len(texts)),
        "stopped after texts": _STOPPED,
        "encoded twice": _STOPPED + encoded - len(texts),
        "going on, seconds": after,
        "starting anew, seconds": at_once,
        "all of them kept, seconds": again,
        "largest difference": float(np.abs(rows - plain).max()),
    }


def _stopped(folder: Path, encoder: Encoder, texts: Sequence[str]) -> None:
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if done >= _STOPPED:
            raise KeyboardInterrupt

    try:
        read_and_keep(folder, encoder, texts, tell)
    except KeyboardInterrupt:
        return


class _Instant(Encoder):
    """Takes no time, so that what is left is that of keeping."""

    def __init__(self, rows: F32Matrix) -> None:
        self.width, self.rank = rows.shape[1], 0
        self._rows = rows

    def state_digest(self) -> str:
        return "instant"

    def read(self, texts: Sequence[str], progress: Told = lambda _: None) -> F32Matrix:
        progress(len(texts))
        return self._rows[: len(texts)]


def _kept(folder: Path, size: int) -> dict[str, Any]:
    texts = [f"text {number}" for number in range(size)]
    encoder = _Instant(np.random.default_rng(0).normal(size=(size, _WIDTH)).astype(np.float32))
    writing, _ = _seconds(lambda: read_and_keep(folder, encoder, texts))
    reading, _ = _seconds(lambda: read_and_keep(folder, encoder, texts))
    return {"texts": f"{size:,}", "keeping, seconds": writing, "reading back, seconds": reading}


def _texts(count: int) -> list[str]:
    """Made of the demo's words: ten in the median, and of very unlike lengths, as shops have them."""
    words = [word for text in load("demo", 0).catalogue.texts for word in text.split()]
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(10), 0.7, count).astype(int), 2, 200)
    return [" ".join(rng.choice(words, length)) + f" {number}" for number, length in enumerate(lengths)]


def _seconds(work: Callable[[], _Result]) -> tuple[float, _Result]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result
