"""Child processes: what they answer, what of an error travels, and that none outlives its purpose."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from client.workers import Ended, Worker
from shared.errors import Misconfigured, NotYet, Refused
from tests.integration.processes.workers.parts import Counter

ROOT = Path(__file__).parents[4]


def no_such_method(counter: Counter) -> None:
    """A function that no counter has a method for."""


@pytest.fixture
def worker():
    worker = Worker("counter", Counter, 5, b"a secret of the device")
    yield worker
    worker.stop()


def gone(pid: int, within_seconds: float = 5.0) -> bool:
    """Whether a process ends; one that has ended but is not yet fetched counts as gone."""
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_a_child_keeps_its_object_between_calls(worker):
    assert worker.call(30, Counter.add, 2) == 7
    assert worker.call(30, Counter.add, 3) == 10
    assert worker.alive
    assert worker.call(30, Counter.pid) == worker.pid != os.getpid()


@pytest.mark.parametrize(
    ("method", "kind", "message"),
    [("refuse", Refused, "policy: smallest_cohort: allows 50, got 3"), ("wait", NotYet, "expected events, got none")],
)
def test_errors_of_ours_come_back_as_they_were(worker, method, kind, message):
    with pytest.raises(kind) as raised:
        worker.call(30, getattr(Counter, method))
    assert str(raised.value) == message
    assert worker.call(30, Counter.add, 1) == 6


def test_of_other_errors_only_the_kind_comes_back(worker):
    with pytest.raises(RuntimeError) as raised:
        worker.call(30, Counter.leak)
    assert str(raised.value) == "leak failed (ValueError)"
    with pytest.raises(RuntimeError, match=r"^unsendable failed \(\w+\)$"):
        worker.call(30, Counter.unsendable)
    with pytest.raises(RuntimeError, match=r"^no_such_method failed \(AttributeError\)$"):
        worker.call(30, no_such_method)
    assert worker.call(30, Counter.add, 1) == 6


def test_an_object_that_cannot_be_made_fails_every_call_in_the_same_way():
    for start, kind, message in (
        (-1, Misconfigured, "counter: expected a start of 0 or more, got -1"),
        (101, RuntimeError, "start failed (ValueError)"),
    ):
        worker = Worker("counter", Counter, start)
        for _ in range(2):
            with pytest.raises(kind) as raised:
                worker.call(30, Counter.add, 1)
            assert str(raised.value) == message
        worker.stop()


def test_what_a_child_is_given_stands_in_no_command_line_or_environment_and_no_main_module_comes_along(worker):
    command, environment, main_came = worker.call(30, Counter.seen)
    assert "secret" not in " ".join([*command, *environment.values()])
    assert not main_came
    assert repr(worker) == "Worker(counter, alive)"


@pytest.mark.parametrize(("method", "args"), [("sleep", (60.0,)), ("hang", ())], ids=["asleep", "in C code"])
def test_a_child_that_hangs_is_killed_in_time(worker, method, args):
    worker.call(30, Counter.add, 0)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=f"^counter: {method} took more than 0.5 seconds$"):
        worker.call(0.5, getattr(Counter, method), *args)
    assert time.monotonic() - started < 30  # and not the minute that it sleeps, or for ever
    assert not worker.alive
    with pytest.raises(Ended):
        worker.call(30, Counter.add, 1)


def test_a_child_too_busy_to_read_cannot_hold_up_whoever_writes_to_it():
    worker = Worker("counter", time.sleep, 60)
    with pytest.raises(TimeoutError):
        worker.call(0.5, Counter.add, b"x" * 10_000_000)
    assert not worker.alive


def test_an_idle_child_ends_itself():
    worker = Worker("counter", Counter, 0, idle_seconds=0.3)
    assert worker.call(30, Counter.add, 1) == 1
    assert gone(worker.pid)
    with pytest.raises(Ended, match="its process has ended; start another"):
        worker.call(30, Counter.add, 1)


def test_a_child_that_dies_in_a_call_says_so(worker):
    with pytest.raises(Ended):
        worker.call(30, Counter.die)
    assert repr(worker) == "Worker(counter, ended)"


def test_calls_of_several_threads_wait_for_each_other(worker):
    threads = [threading.Thread(target=worker.call, args=(30, Counter.add, 1)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.call(30, Counter.add, 0) == 25


def test_a_stopped_child_is_gone_and_a_call_under_way_is_told(worker):
    told: list[BaseException] = []

    def call() -> None:
        try:
            worker.call(60, Counter.sleep, 60.0)
        except Ended as error:
            told.append(error)

    worker.call(30, Counter.add, 0)
    waiting = threading.Thread(target=call)
    waiting.start()
    time.sleep(0.2)
    worker.stop()
    waiting.join(5)
    assert len(told) == 1
    assert gone(worker.pid)


@pytest.mark.parametrize("action", ["rest", "sleep", "hang"])
def test_no_child_outlives_a_parent_that_was_killed(action):
    program = f"from tests.integration.processes.workers.parts import parent; parent({action!r})"
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert parent.stdout.readline() == "ready\n"
    assert not gone(pid, 0.1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(pid)
