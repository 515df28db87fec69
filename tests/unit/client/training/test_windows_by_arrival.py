"""Windows are counted by arrival: neither a late event nor a deletion moves another event to another window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.store import Store
from client.training import cut_windows
from shared.behaviour import Event, EventKind

LENGTH = 4


def click(time, name="item"):
    return Event(float(time), EventKind.CLICK, name)


def of_window(windows):
    """The window of each event, by its item's name."""
    return {event.item: number for number, window in enumerate(windows) for event in window.events}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.sqlite", bytes(32)) as opened:
        yield opened


def stored(store):
    return [event for _, event in store.rows()]


def test_a_late_event_of_an_earlier_time_moves_no_other(store):
    store.append([click(100 + n, f"i{n}") for n in range(10)])
    before = of_window(cut_windows(stored(store), LENGTH))
    store.append([click(1, "late")])
    after = of_window(cut_windows(stored(store), LENGTH))
    assert after.pop("late") == 2
    assert after == before
    by_time = [replace(event, arrival=None) for event in stored(store)]  # as it was: counted from the oldest
    moved = of_window(cut_windows(by_time, LENGTH))
    assert sum(moved[item] != number for item, number in before.items()) == 2


def test_a_deletion_leaves_a_hole_and_moves_no_other(store):
    ids = store.append([click(100 + n, f"i{n}") for n in range(12)])
    before = [{event.item for event in window.events} for window in cut_windows(stored(store), LENGTH)]
    store.delete(ids[:2])
    after = [{event.item for event in window.events} for window in cut_windows(stored(store), LENGTH)]
    assert after == [before[0] - {"i0", "i1"}, before[1], before[2]]


@given(st.lists(st.floats(0, 1e6), max_size=40), st.data())
def test_an_event_keeps_its_window_whatever_comes_or_goes(times, data):
    log = sorted(
        (replace(click(time, f"i{n}"), arrival=n) for n, time in enumerate(times)), key=lambda event: event.time_seconds
    )
    kept = data.draw(st.lists(st.sampled_from(log), unique_by=lambda event: event.item)) if log else []
    kept.sort(key=lambda event: event.time_seconds)
    whole = {event.item: event.arrival // LENGTH for event in log}
    for window in cut_windows(kept, LENGTH):
        assert len({whole[event.item] for event in window.events}) == 1
        assert [event.time_seconds for event in window.events] == sorted(event.time_seconds for event in window.events)


def test_within_a_window_the_oldest_event_comes_first():
    late = [replace(click(9, "a"), arrival=0), replace(click(3, "b"), arrival=1)]
    (window,) = cut_windows(sorted(late, key=lambda event: event.time_seconds), LENGTH)
    assert [event.item for event in window.events] == ["b", "a"]
