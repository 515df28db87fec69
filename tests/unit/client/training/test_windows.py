"""Windows: each event in exactly one, for ever; and what each is contrasted with."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from client.training.windows import Window, cut_windows, rows_of, sample_windows
from shared.behaviour import Event, EventKind
from tests.support.tiny import catalogue, events, person

ITEMS = catalogue()


def clicks(count: int) -> list[Event]:
    return [Event(float(n), EventKind.CLICK, str(n)) for n in range(count)]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 9))
def test_each_event_lies_in_one_window_and_new_ones_never_move_it(before, more, length):
    log = clicks(before + more)
    windows, later = cut_windows(log[:before], length), cut_windows(log, length)
    assert [event for window in windows for event in window.events] == log[:before]
    assert all(len(window.events) == length for window in windows[:-1])
    assert all(0 < len(window.events) <= length for window in windows)
    for place, window in enumerate(windows):
        assert later[place].events[: len(window.events)] == window.events


def test_each_of_the_newest_windows_has_its_own_coin():
    windows = cut_windows(clicks(50), 5)
    coins = np.random.default_rng(0)
    counts = np.zeros(10)
    for _ in range(4000):
        drawn = sample_windows(windows, 4, 0.3, coins)
        counts[[windows.index(window) for window in drawn]] += 1
    assert not counts[:6].any()
    # Binomial(4000, 0.3): standard deviation 0.0072 of the share, five of them allowed.
    assert np.abs(counts[6:] / 4000 - 0.3).max() < 0.036


def test_coins_are_independent_of_each_other():
    windows, coins = cut_windows(clicks(10), 5), np.random.default_rng(0)
    both = sum(len(sample_windows(windows, 2, 0.5, coins)) == 2 for _ in range(4000))
    assert abs(both / 4000 - 0.25) < 0.035


def test_probability_one_draws_all_and_no_window_draws_none():
    windows = cut_windows(clicks(12), 5)
    assert sample_windows(windows, 8, 1.0, np.random.default_rng(0)) == windows
    assert sample_windows([], 8, 1.0, np.random.default_rng(0)) == []


def test_rows_are_padded_unknown_items_left_out_and_own_words_kept():
    log = events(["garden-0", "withdrawn", None, "music-1", "music-2"], words={2: "knee pain", 3: "loud"})
    rows = rows_of(cut_windows(log, 3), ITEMS, negatives=4, shown=2, generator=np.random.default_rng(0))
    garden, music = ITEMS.row("garden-0"), ITEMS.row("music-1")
    assert rows.rows.tolist() == [[garden, -1, -1], [music, music + 1, -1]]
    assert rows.texts == {(0, 2): "knee pain", (1, 0): "loud"}
    assert rows.others.shape == (2, 4)
    assert rows.allowed.shape == (2, 3, 4)


def test_negatives_are_uniform_over_the_catalogue_and_no_item_of_the_window_counts_against_it():
    windows = cut_windows(person(0, 200), 4)
    rows = rows_of(windows, ITEMS, negatives=200, shown=0, generator=np.random.default_rng(0))
    counts = np.bincount(rows.others.ravel(), minlength=24) / rows.others.size
    assert np.abs(counts - 1 / 24).max() < 0.01
    for w, window in enumerate(windows):
        chosen = {ITEMS.row(event.item) for event in window.events}
        for t in range(len(window.events)):
            assert rows.allowed[w, t].tolist() == [row not in chosen for row in rows.others[w]]


def test_items_shown_count_against_their_own_event_only():
    shown = ("garden-1", "garden-2", "garden-3", "withdrawn", "garden-0")
    log = [
        Event(0.0, EventKind.CLICK, "garden-0", shown=shown),
        Event(1.0, EventKind.CLICK, "music-0", shown=("music-1",)),
        Event(2.0, EventKind.CLICK, "kitchen-0"),
    ]
    rows = rows_of(cut_windows(log, 2), ITEMS, negatives=2, shown=5, generator=np.random.default_rng(0))
    known = [ITEMS.row(item) for item in shown if item in ITEMS]
    assert rows.others.shape == (2, 2 + 5)
    assert sorted(rows.others[0, 2:6].tolist()) == sorted(known)
    assert rows.others[0, 6] == ITEMS.row("music-1")
    own = rows.others[0, 2:6] == ITEMS.row("garden-0")
    assert rows.allowed[0, 0, 2:].tolist() == [*(~own).tolist(), False]
    assert rows.allowed[0, 1, 2:].tolist() == [False, False, False, False, True]
    assert not rows.allowed[1, :, 2:].any()


def test_of_a_long_list_shown_only_so_many_count_each_as_likely():
    shown = tuple(f"garden-{n}" for n in range(6))
    windows, rng, counts = (
        cut_windows([Event(0.0, EventKind.CLICK, "music-0", shown=shown)], 2),
        np.random.default_rng(0),
        np.zeros(24),
    )
    for _ in range(600):
        beside = rows_of(windows, ITEMS, 1, 2, rng).others[0, 1:]
        assert len(set(beside.tolist())) == 2
        counts[beside] += 1
    assert np.abs(counts[:6] / 600 - 1 / 3).max() < 0.1


def test_a_window_prints_its_length_and_nothing_of_its_events():
    window = cut_windows(events(["secret-item"], words={0: "knee pain"}), 2)[0]
    assert repr(window) == "Window(1 events)"
    assert "knee" not in repr(rows_of([window], ITEMS, 1, 1, np.random.default_rng(0)))


def test_popular_items_are_drawn_as_often_as_their_likelihood_says():
    likelihood = np.cumsum(np.arange(len(ITEMS), dtype=np.float64))
    windows = cut_windows(events([ITEMS[0].id, ITEMS[1].id]), 2)
    rows = rows_of(windows, ITEMS, 20_000, 0, np.random.default_rng(0), likelihood)
    shares = np.bincount(rows.others[0], minlength=len(ITEMS)) / 20_000
    expected = np.arange(len(ITEMS)) / np.arange(len(ITEMS)).sum()
    # Binomial(20,000, at most 0.083): standard deviation at most 0.002, five of them allowed.
    assert np.abs(shares - expected).max() < 0.01
    assert shares[0] == 0


def test_what_was_shown_with_little_chance_counts_more_up_to_a_bound():
    log = [
        replace(event, propensity=propensity)
        for event, propensity in zip(person(0, 4), [None, 1.0, 0.5, 0.01], strict=True)
    ]
    rows = rows_of([Window(tuple(log)), Window(tuple(log[:1]))], catalogue(), 2, 0, np.random.default_rng(0))
    assert rows.importance.tolist() == [[1.0, 1.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]]
