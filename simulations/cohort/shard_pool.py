"""Spreads a cohort over processes, in parts that are always the same, so that their number changes no bit of a sum."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from client import RoundRequest
from client.workers import Ended, Worker
from simulations.accelerator import CPU
from simulations.cohort.shard import Contributions, RoundWork, ShardSum, ShardWorker
from simulations.devices import DeviceAnswer, DeviceQuestion, PreparedContribution

R = TypeVar("R")

_TOGETHER = 128  # devices of a part that is one tensor program
_ONE_BY_ONE = 4  # of a part in which each computes for itself
_MESSAGES_AT_ONCE = 16
_LONGEST_SECONDS = 24 * 3600.0


class ShardPool:
    """This process and helpers beside it. They share the release, the windows and the words by memory map.

    Helpers take their seconds to start; until one is ready, the others do its part. They end with `close`, or with this
    process.
    """

    def __init__(self, home: Path, seed: int, processes: int = 1, accelerator: torch.device = CPU) -> None:
        """Take the population of a run's work folder; see `ShardWorker`.

        Args:
            home: the folder.
            seed: of all devices' chance.
            processes: that work at a time, this one among them.
            accelerator: of all of them, for tensor programs.
        """
        self._own = ShardWorker(home, seed, accelerator)
        self._helpers = [Worker(f"devices {n}", open_worker, str(home), seed, accelerator) for n in range(1, processes)]
        self._ready: list[Worker] = []
        self._kept: tuple[tuple[RoundRequest, list[int]], list[Contributions]] | None = None
        self._starting = [threading.Thread(target=self._await, args=(one,), daemon=True) for one in self._helpers]
        for thread in self._starting:
            thread.start()

    def __repr__(self) -> str:
        return f"ShardPool({self.processes} processes)"

    @property
    def processes(self) -> int:
        """That work at a time, once they are ready."""
        return 1 + len(self._helpers)

    def __enter__(self) -> "ShardPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self) -> None:
        """Return once every helper is ready, or has ended."""
        for thread in self._starting:
            thread.join()

    def close(self) -> None:
        """End the helpers."""
        for helper in self._helpers:
            helper.stop()
        self._ready.clear()

    def _await(self, helper: Worker) -> None:
        with contextlib.suppress(Ended):  # stopped before it was ever needed
            helper.call(_LONGEST_SECONDS, ShardWorker.ready)
            self._ready.append(helper)

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
        return _joined(work, self._spread(ShardWorker.words, asked))

    def contributions(self, work: RoundWork, devices: Sequence[int]) -> Contributions:
        """What each device would add, part by part as in `words`, which finds it done if it is asked next."""
        made = self._spread(ShardWorker.contributions, [(work, part) for part in self._parts(work, devices)])
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
        return [answer for answers in self._spread(ShardWorker.answers, asked) for answer in answers]

    def _spread(self, method: Callable[..., R], asked: Sequence[tuple[object, ...]]) -> list[R]:
        """What a method of `ShardWorker` returns for each of these arguments; whoever is free takes the next."""
        results: dict[int, R] = {}
        failures: list[BaseException] = []
        waiting, turn = iter(range(len(asked))), threading.Lock()

        def work(call: Callable[..., R]) -> None:
            while True:
                with turn:
                    place = next(waiting, None)
                if place is None or failures:
                    return
                try:
                    results[place] = call(*asked[place])
                except BaseException as error:
                    failures.append(error)
                    return

        threads = [
            threading.Thread(target=work, args=(lambda *given, of=helper: of.call(_LONGEST_SECONDS, method, *given),))
            for helper in self._ready[: len(asked) - 1]
        ]
        for thread in threads:
            thread.start()
        work(lambda *given: method(self._own, *given))
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [results[place] for place in range(len(asked))]

    def _parts(self, work: RoundWork, devices: Sequence[int]) -> list[Sequence[int]]:
        """The devices that one process works for at a time; in a tensor program always as many, as floats add up so."""
        size = _TOGETHER if self._own.works_together(work) else _ONE_BY_ONE
        return [devices[start : start + size] for start in range(0, len(devices), size)]


def open_worker(home: str, seed: int, accelerator: torch.device) -> ShardWorker:
    """A helper's worker."""
    torch.set_num_threads(1)  # as in the process that asks: another number adds floats up in another order
    return ShardWorker(Path(home), seed, accelerator)


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
