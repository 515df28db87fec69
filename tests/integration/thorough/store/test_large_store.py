"""A hundred thousand events."""

import time

import pytest

from client.store import Store
from shared.behaviour import Event, EventKind
from tests.support.tiny import events

KEY, OTHER = b"k" * 32, b"o" * 32


THREE = events(["garden-0", "garden-1", "music-2"], words={1: "knee pain"})


@pytest.fixture
def path(tmp_path):
    """A store of three events, closed."""
    path = tmp_path / "device" / "store.sqlite"
    path.parent.mkdir()
    with Store.open(path, KEY) as store:
        assert store.append(THREE, ["a", None, "c"]) == [1, 2, 3]
        store.controls["concepts"] = "no knees"
    return path


def test_a_hundred_thousand_events_load_in_reasonable_time(path):
    many = [Event(float(n), EventKind.CLICK, f"item-{n}", context=(("hour", "8"),)) for n in range(100_000)]
    with Store.open(path, KEY) as store:
        for start in range(0, len(many), 1000):
            store.append(many[start : start + 1000])
    started = time.process_time()
    with Store.open(path, KEY) as store:
        assert len(store.rows()) == 100_003
        assert time.process_time() - started < 15.0
        assert store.append(THREE) == [100_004, 100_005, 100_006]
