"""What one answer is charged, at each level."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.privacy import ConcentratedAccountant, SampledGaussian, SummedGaussian, SummedWindow
from shared.round_parameters import charges_of, derive_round_parameters, window_epsilon

BOTH = ("privacy.level=both", "round.minimum_answers=50")


def charged(*settings, task="update", number=1, dimension=1000):
    return derive_round_parameters(
        read_federation(settings=settings), task, number, dimension, bytes(32), bytes(32)
    ).charges


def window_over_person(*settings, **asked):
    person, window = charged(*BOTH, *settings, **asked)
    return window.rho / person.rho


def test_each_level_is_charged_for_what_it_promises():
    kinds = {
        "none": [],
        "user": [SummedGaussian],
        "both": [SummedGaussian, SummedWindow],
    }
    for level, expected in kinds.items():
        assert [type(event) for event in charged(f"privacy.level={level}")] == expected
    noisy = ("privacy.event_noise_multiplier=2.0", "windows.sampling_probability=0.25")
    assert charged(*BOTH, *noisy)[2] == SampledGaussian(0.25, 2.0)
    assert len(charged(*BOTH, *noisy, task="statistics")) == 2  # only updates have noise of their own
    alone = read_federation(settings=["privacy.level=event", "sum.mode=plain", *noisy])
    assert charges_of(alone, "update", 1, None) == (SampledGaussian(0.25, 2.0),)
    assert charges_of(alone, "statistics", 0, None) == ()


def test_a_window_is_charged_by_the_square_of_its_share():
    # four of eight windows in expectation, each clipped to the norm of the whole
    assert window_over_person() == pytest.approx(1 / 16, rel=0.1)
    assert window_over_person("clipping.window_norm=0.5") == pytest.approx(1 / 64, rel=0.2)
    assert window_over_person("windows.sampling_probability=1.0") == pytest.approx(1 / 64, rel=0.2)
    # adapters train on fewer windows: one of two in expectation
    assert window_over_person(number=100) == pytest.approx(1.0, rel=0.05)


def test_what_a_window_may_turn_round_costs_four_times_the_person():
    assert window_over_person("clipping.window_norm=100.0") == 4.0
    assert window_over_person(task="evaluation") == pytest.approx(4.0, rel=0.01)
    assert window_over_person(task="statistics") == pytest.approx(2.0, rel=0.01)


@given(st.integers(1, 10**6), st.integers(2, 4096))
def test_rounding_is_paid_for(dimension, smallest):
    """Each entry of two vectors is rounded by less than a unit: never charged less than their distance before that."""
    share = window_over_person(f"round.minimum_answers={min(smallest, 100)}", dimension=dimension)
    assert 1 / 16 * (1 - 1e-3) / (1 + dimension / 2**20) <= share <= 4.0
    assert math.isfinite(share)


def test_emptying_a_window_never_silences_the_others():
    with pytest.raises(Misconfigured, match=r"windows\.minimum_events: expected 2"):
        read_federation(settings=[*BOTH, "windows.minimum_events=3"])
    read_federation(settings=["privacy.level=user", "windows.minimum_events=3"])


def test_the_event_level_alone_needs_noise():
    with pytest.raises(Misconfigured, match="event_noise_multiplier: expected above 0"):
        read_federation(settings=["privacy.level=event", "sum.mode=plain"])


def test_what_is_planned_for_a_window_counts_rounds_of_the_adapters_as_they_are_charged():
    """The ledger's own sum, answer by answer, for a device that is asked in the last rounds, which cost most."""
    rounds = ["training.rounds=8", "training.adapter_rounds=3", "training.adapter_windows=1", "windows.per_device=8"]
    file = read_federation(
        settings=[*BOTH, *rounds, "privacy.participations.update=5", "privacy.participations.evaluation=1"]
    )
    charges = [
        derive_round_parameters(file, "update", number, 1000, bytes(32), bytes(32)).charges[1] for number in range(4, 9)
    ]
    charges += [
        derive_round_parameters(file, task, 1, 1000, bytes(32), bytes(32)).charges[1]
        for task in ("statistics", "evaluation")
        for _ in range(file.privacy.most_answers(task))
    ]
    spent = ConcentratedAccountant().epsilon(Counter(charges), file.privacy.event_delta)
    assert window_epsilon(file, 1000) == pytest.approx(spent)
    assert charges[0].rho < charges[4].rho
