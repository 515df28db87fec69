"""Calls spread over helpers: each is made once, whoever is lost, and what goes wrong is told."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from client.workers import Ended
from shared.errors import Misconfigured
from simulations.accelerator import CPU
from simulations.cohort.shard import ShardWorker
from simulations.cohort.worker_pool import WorkerPool

NUMBERS = [(number,) for number in range(20)]


def double(worker: ShardWorker, number: int) -> tuple[int, str]:
    """Twice a number, and who says so."""
    if number < 0:
        raise ValueError("the number is below zero")
    return 2 * number, threading.current_thread().name


class Fake:
    """A helper in a thread of this process, which is lost after so many calls."""

    def __init__(self, home: Path, calls: float) -> None:
        self._worker, self._left, self.stopped = ShardWorker(home, 0), calls, False

    def call(self, timeout_seconds: float, method: Callable[..., Any], *args: Any) -> Any:
        if self._left <= 0 or self.stopped:
            raise Ended("its machine is gone")
        self._left -= 1
        return method(self._worker, *args)

    def stop(self) -> None:
        self.stopped = True


class Fakes:
    """Helpers of which each in turn bears so many calls, its first being whether it is ready; more there are not."""

    def __init__(self, *calls: float, count: int = 1, beside: bool = False, home: Path | None = None) -> None:
        self._calls, self._elsewhere = list(calls), home
        self.count, self.beside_this_process = count, beside
        self.started: list[Fake] = []
        self.closed = False

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Fake:
        self.started.append(Fake(self._elsewhere or home, self._calls.pop(0) if self._calls else 0))
        return self.started[-1]

    def close(self) -> None:
        self.closed = True


def results(pool: WorkerPool) -> tuple[list[int], set[bool]]:
    """Twice each number, and whether this thread or another said so."""
    said = pool.spread(double, NUMBERS)
    own = threading.current_thread().name
    return [number for number, _ in said], {who == own for _, who in said}


DOUBLES = [2 * number for (number,) in NUMBERS]
ENDLESS = float("inf")


def test_calls_come_back_in_their_order_and_this_process_rests_while_helpers_are_ready(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, 0, Fakes(ENDLESS, ENDLESS, ENDLESS, count=3), CPU)
    pool.wait()
    assert results(pool) == (DOUBLES, {False})
    assert pool.spread(double, []) == []
    pool.close()


def test_this_process_works_beside_helpers_that_are_processes_of_its_machine(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, 0, Fakes(count=0, beside=True), CPU)
    assert results(pool) == (DOUBLES, {True})
    assert pool.size == 1
    pool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_lost_helper_had_in_hand_another_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    helpers = Fakes(4, ENDLESS, 9, ENDLESS, count=2)
    pool = WorkerPool(tmp_path, 0, helpers, CPU)
    pool.wait()
    assert results(pool)[0] == DOUBLES
    assert results(pool)[0] == DOUBLES
    pool.wait()
    lost = [helper for helper in helpers.started if helper.stopped]
    assert len(helpers.started) == 2 + len(lost) >= 3  # another came for each
    assert sum("helper-lost" in line and "its machine is gone" in line for line in caplog.messages) == len(lost)
    pool.close()
    assert helpers.closed
    assert all(helper.stopped for helper in helpers.started)


def test_with_nobody_left_this_process_does_it_alone_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pool = WorkerPool(tmp_path, 0, Fakes(3, 3, count=2), CPU)
    pool.wait()
    assert results(pool) == (DOUBLES, {True, False})
    pool.wait()
    assert results(pool) == (DOUBLES, {True})
    assert any("left=none, this process works until one is back" in line for line in caplog.messages)
    pool.close()


def test_what_a_helper_raises_is_raised_and_the_next_calls_are_made(tmp_path: Path) -> None:
    pool = WorkerPool(tmp_path, 0, Fakes(ENDLESS, ENDLESS, count=2), CPU)
    pool.wait()
    with pytest.raises(ValueError, match="below zero"):
        pool.spread(double, [(1,), (-1,), (2,)])
    assert results(pool) == (DOUBLES, {False})
    pool.close()


def test_a_helper_that_sees_another_folder_of_the_same_name_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pool = WorkerPool(tmp_path / "work", 0, Fakes(ENDLESS, home=elsewhere), CPU)
    pool.wait()
    with pytest.raises(Misconfigured, match=r"elsewhere: expected the work folder of this run .* put --out on storage"):
        pool.spread(double, NUMBERS)
    pool.close()


def test_a_pool_that_is_closed_waits_for_nobody(tmp_path: Path) -> None:
    never = threading.Event()

    class Waiting(Fake):
        def call(self, timeout_seconds: float, method: Callable[..., Any], *args: Any) -> Any:
            never.wait()
            raise Ended("stopped")

        def stop(self) -> None:
            never.set()

    class Full(Fakes):
        def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Fake:
            return Waiting(home, 0)

    pool = WorkerPool(tmp_path, 0, Full(), CPU)
    assert results(pool) == (DOUBLES, {True})  # none is ready
    pool.close()
    assert list(tmp_path.iterdir()) == []
