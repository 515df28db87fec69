"""Events: what they say about themselves, and the form they are kept in."""

import math

import dp_accounting
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.privacy import SampledGaussian, SummedGaussian, SummedWindow
from shared.privacy.events import TASKS, privacy_event_from_fields, privacy_event_to_fields

NUMBERS = st.floats(1e-12, 1e6)
EVENTS = st.builds(SampledGaussian, st.floats(1e-12, 1), NUMBERS) | st.builds(
    SummedGaussian, st.sampled_from(TASKS), NUMBERS
)
EVENTS |= st.builds(SummedWindow, st.sampled_from(TASKS), NUMBERS)


def test_an_event_says_its_level_and_task():
    assert (SampledGaussian(0.5, 1.0).level, SampledGaussian(0.5, 1.0).task) == ("local", "update")
    assert (SummedWindow("evaluation", 0.1).level, SummedWindow("evaluation", 0.1).task) == ("event", "evaluation")
    assert (SummedGaussian("statistics", 0.1).level, SummedGaussian("statistics", 0.1).task) == ("user", "statistics")


def test_a_private_sum_is_concentrated_and_nothing_more_is_promised():
    assert SummedGaussian("update", 0.25).dp_event() == dp_accounting.ZCDpEvent(0.25)


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.1, 1.0), (0.5, 0.0), (math.nan, 1.0), (0.5, math.nan)])
def test_an_impossible_step_is_refused(values):
    with pytest.raises(Misconfigured, match="expected"):
        SampledGaussian(*values)


@pytest.mark.parametrize("values", [("update", 0.0), ("update", -1.0), ("update", math.nan), ("update", math.inf)])
def test_an_impossible_rho_is_refused(values):
    with pytest.raises(Misconfigured, match="rho: expected a number above 0"):
        SummedGaussian(*values)


def test_an_unknown_task_is_refused():
    with pytest.raises(Misconfigured, match="expected one of update, statistics, evaluation, got 'gossip'"):
        SummedGaussian("gossip", 0.1)


def test_a_window_and_its_person_are_never_taken_for_one_another():
    assert SummedWindow("update", 0.1) != SummedGaussian("update", 0.1)
    assert {SummedWindow("update", 0.1): 1, SummedGaussian("update", 0.1): 2} != {SummedWindow("update", 0.1): 2}


@given(EVENTS)
def test_an_event_comes_back_from_its_fields(event):
    assert privacy_event_from_fields(privacy_event_to_fields(event)) == event


def test_whole_numbers_are_kept_as_the_numbers_they_equal():
    assert privacy_event_from_fields(privacy_event_to_fields(SampledGaussian(1, 2))) == SampledGaussian(1, 2)
    assert privacy_event_from_fields(privacy_event_to_fields(SummedGaussian("update", 1))) == SummedGaussian(
        "update", 1
    )


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
        ["local", "update", 0.5],
        ["local", "statistics", 0.5, 1.0],
        ["local", "update", 2.0, 1.0],
        ["person", "update", 0.5],
        [["user"], "update", 0.5],
        "user",
    ],
)
def test_other_fields_are_refused(fields):
    with pytest.raises(Misconfigured):
        privacy_event_from_fields(fields)
