"""Cuts a cohort into parts that are always the same, so that whoever does them changes no bit of a sum."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from client import RoundRequest
from simulations.accelerator import CPU
from simulations.cohort.helpers import Helpers, Processes
from simulations.cohort.shard import Contributions, RoundWork, ShardSum, ShardWorker
from simulations.cohort.worker_pool import WorkerPool
from simulations.devices import DeviceAnswer, DeviceQuestion, PreparedContribution

_TOGETHER = 128  # devices of a part that is one tensor program
_ONE_BY_ONE = 4  # of a part in which each computes for itself
_MESSAGES_AT_ONCE = 16


class ShardPool:
    """Works for the devices of a population. All workers share the release, windows and words by memory map."""

    def __init__(self, home: Path, seed: int, helpers: Helpers | None = None, accelerator: torch.device = CPU) -> None:
        """Take the population of a run's work folder; see `ShardWorker`.

        Args:
            home: the folder.
            seed: of all devices' chance.
            helpers: that work for them; without, this process does it alone.
            accelerator: of all of them, for tensor programs.
        """
        self._workers = WorkerPool(home, seed, Processes() if helpers is None else helpers, accelerator)
        self._kept: tuple[tuple[RoundRequest, list[int]], list[Contributions]] | None = None

    def __repr__(self) -> str:
        return f"ShardPool({self.size})"

    @property
    def size(self) -> int:
        """How many work at a time, once all are ready."""
        return self._workers.size

    def __enter__(self) -> "ShardPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self) -> None:
        """Return once every helper is ready, or has ended."""
        self._workers.wait()

    def close(self) -> None:
        """End the helpers."""
        self._workers.close()

    def words(self, work: RoundWork, devices: Sequence[int], summed: int) -> ShardSum:
        """The sum over the first `summed` of these devices, and what went wrong on any; see `ShardWorker.words`."""
        kept, self._kept = self._kept, None
        parts = self._parts(work, devices)
        made = kept[1] if kept is not None and kept[0] == (work.request, list(devices)) else [None] * len(parts)
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        asked = [
            (work, part, [start + place < summed for place in range(len(part))], one)
            for start, part, one in zip(starts, parts, made, strict=False)
        ]
        return _joined(work, self._workers.spread(ShardWorker.words, asked))

    def contributions(self, work: RoundWork, devices: Sequence[int]) -> Contributions:
        """What each device would add, part by part as in `words`, which finds it done if it is asked next."""
        made = self._workers.spread(ShardWorker.contributions, [(work, part) for part in self._parts(work, devices)])
        nothing = np.zeros((0, work.terms.configuration.dimension), np.float32)
        vectors = np.concatenate([nothing, *(vectors for vectors, _ in made)])
        ends = np.cumsum([len(failures) for _, failures in made])[:-1]
        parts = zip(np.split(vectors, ends), (failures for _, failures in made), strict=False)
        self._kept = (work.request, list(devices)), list(parts)  # views: the vectors lie in memory once
        return vectors, [one for _, failures in made for one in failures]

    def answers(
        self, questions: Sequence[DeviceQuestion], masks: bool, prepared: dict[int, PreparedContribution]
    ) -> list[DeviceAnswer]:
        """The answers of devices to messages, each run by itself; see `ShardWorker.answers`."""
        starts = range(0, len(questions), _MESSAGES_AT_ONCE)
        parts = [questions[start : start + _MESSAGES_AT_ONCE] for start in starts]
        asked = [
            (part, masks, {one.device: prepared[one.device] for one in part if one.device in prepared})
            for part in parts
        ]
        return [answer for answers in self._workers.spread(ShardWorker.answers, asked) for answer in answers]

    def _parts(self, work: RoundWork, devices: Sequence[int]) -> list[Sequence[int]]:
        """The devices that one worker works for at a time; in a tensor program always as many, as floats add up so."""
        size = _TOGETHER if self._workers.own.works_together(work) else _ONE_BY_ONE
        return [devices[start : start + size] for start in range(0, len(devices), size)]


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
