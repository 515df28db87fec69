"""Work in a slot: its outcome comes at the end of the slot, whatever the work did; half an outcome is none."""

import os
import signal
import time

import pytest

from client.supernode.slot import in_slot
from shared.errors import NotYet


class Waits:
    """Remembers what was waited for after the work, and lets that time pass at once."""

    def __init__(self):
        self.passed = 0.0
        self.waited = []

    def clock(self):
        return time.monotonic() + self.passed

    def sleep(self, seconds):
        self.waited.append(seconds)
        self.passed += seconds


def test_quick_work_is_handed_on_at_the_end_of_the_slot():
    waits = Waits()
    began = waits.clock()
    assert in_slot(lambda: b"made", 500.0, waits.clock, waits.sleep) == b"made"
    assert waits.clock() - began >= 500.0
    assert 400.0 < sum(waits.waited) <= 500.0


@pytest.mark.parametrize(
    "ends",
    [lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: (_ for _ in ()).throw(NotYet("few"))],
    ids=["exits", "is killed", "raises"],
)
def test_work_that_ends_without_an_outcome_ends_the_slot_no_sooner(ends):
    waits = Waits()
    began = waits.clock()
    assert in_slot(ends, 500.0, waits.clock, waits.sleep) is None
    assert waits.clock() - began >= 500.0


def test_work_that_hangs_is_given_up_when_the_slot_ends():
    reading, writing = os.pipe()
    waits = Waits()
    assert in_slot(lambda: os.read(reading, 1), 0.2, waits.clock, waits.sleep) is None
    os.close(reading)
    os.close(writing)


def test_what_the_work_changes_stays_in_its_own_process():
    kept = []
    assert in_slot(lambda: kept.append(1) or len(kept), 500.0, *_of(Waits())) == 1
    assert kept == []


def test_an_outcome_larger_than_a_pipe_comes_whole():
    assert in_slot(lambda: b"x" * 3_000_000, 500.0, *_of(Waits())) == b"x" * 3_000_000


def _of(waits):
    return waits.clock, waits.sleep
