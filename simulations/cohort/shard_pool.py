"""Spreads a cohort over processes, in parts that are always the same, so that their number changes no bit of a sum."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulations.cohort.shard import RoundWork, ShardSum, ShardWorker

_SHARD_DEVICES = 128


class ShardPool:
    """This process and helpers beside it."""

    def __init__(self, home: Path, seed: int, workers: int = 1) -> None:
        """Take the population of a run's work folder; see `ShardWorker`.

        Args:
            home: the folder.
            seed: of all devices' chance.
            workers: processes that work at a time, this one among them.
        """
        self._home, self._seed, self._workers = home, seed, workers
        self._own: ShardWorker | None = None

    def __repr__(self) -> str:
        return f"ShardPool({self._workers} processes)"

    def words(self, work: RoundWork, devices: Sequence[int], summed: int) -> ShardSum:
        """The sum over the first `summed` of these devices, and what went wrong on any; see `ShardWorker.words`."""
        if self._own is None:
            self._own = ShardWorker(self._home, self._seed)
        parts = []
        for start in range(0, len(devices), _SHARD_DEVICES):
            shard = devices[start : start + _SHARD_DEVICES]
            parts.append(self._own.words(work, shard, [start + place < summed for place in range(len(shard))]))
        return _joined(work, parts)

    def contributions(self, work: RoundWork, devices: Sequence[int]) -> tuple[NDArray[np.float32], list[str | None]]:
        """What each device would add, part by part as in `words`."""
        if self._own is None:
            self._own = ShardWorker(self._home, self._seed)
        vectors, failures = [], []
        for start in range(0, len(devices), _SHARD_DEVICES):
            made, failed = self._own.contributions(work, devices[start : start + _SHARD_DEVICES])
            vectors.append(made)
            failures += failed
        return np.concatenate(vectors), failures


def _joined(work: RoundWork, parts: Sequence[ShardSum]) -> ShardSum:
    """Sums over parts as one, int64: whole numbers, in any order."""
    total = np.zeros(work.terms.configuration.dimension, np.int64)
    failures: list[str | None] = []
    rejected: list[int] = []
    for part in parts:
        total += part.total
        rejected += [len(failures) + place for place in part.rejected]
        failures += part.failures
    return ShardSum(total, failures, rejected)
