"""Events: what they say about themselves, and the form they are kept in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.privacy import LEVELS, LocalWindow, SummedGaussian, SummedWindow
from shared.privacy.events import TASKS, privacy_event_from_fields, privacy_event_to_fields

KINDS = (SummedGaussian, SummedWindow, LocalWindow)
EVENTS = st.builds(
    lambda kind, *values: kind(*values), st.sampled_from(KINDS), st.sampled_from(TASKS), st.floats(1e-12, 1e6)
)


def test_an_event_says_its_level_and_task():
    for task in TASKS:
        assert [(event.level, event.task) for event in (kind(task, 0.1) for kind in KINDS)] == [
            ("user", task),
            ("event", task),
            ("local", task),
        ]


def test_there_is_one_kind_of_event_for_each_level():
    assert tuple(kind.level for kind in KINDS) == LEVELS


@pytest.mark.parametrize("values", [("update", 0.0), ("update", -1.0), ("update", math.nan), ("update", math.inf)])
def test_an_impossible_rho_is_refused_at_each_level(values):
    for kind in KINDS:
        with pytest.raises(Misconfigured, match="rho: expected a number above 0"):
            kind(*values)


def test_an_unknown_task_is_refused():
    with pytest.raises(Misconfigured, match="expected one of update, statistics, evaluation, got 'gossip'"):
        LocalWindow("gossip", 0.1)


def test_what_stands_at_different_levels_is_never_taken_for_one_another():
    events = [kind("update", 0.1) for kind in KINDS]
    assert len(set(events)) == 3
    assert all(one != other for place, one in enumerate(events) for other in events[:place])
    assert {events[1]: 1, events[0]: 2} != {events[1]: 2}


@given(EVENTS)
def test_an_event_comes_back_from_its_fields(event):
    assert privacy_event_from_fields(privacy_event_to_fields(event)) == event


def test_whole_numbers_are_kept_as_the_numbers_they_equal():
    for kind in KINDS:
        assert privacy_event_from_fields(privacy_event_to_fields(kind("update", 1))) == kind("update", 1)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["user"],
        ["user", "update"],
        ["user", "gossip", 0.5],
        ["user", "update", "0.5"],
        ["user", "update", 0.5, 0.5],
        ["user", "update", True],
        ["user", "update", -0.5],
        ["local", "update", 0.5, 1.0],  # as ledgers said it while local noise was floating-point
        ["local", "gossip", 0.5],
        ["local", "update", 0.0],
        ["event", "update", 1],
        ["person", "update", 0.5],
        [["user"], "update", 0.5],
        "user",
    ],
)
def test_other_fields_are_refused(fields):
    with pytest.raises(Misconfigured):
        privacy_event_from_fields(fields)
