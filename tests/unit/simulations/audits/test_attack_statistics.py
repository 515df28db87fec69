"""The figures that attacks are measured by: against counting by hand, and against what they must be at their ends."""

import math

import numpy as np
import pytest

from simulations.audits.attack_statistics import (
    advantage_of,
    allowed_advantage,
    allowed_detection,
    detection_at,
    guessing_deviation,
    ranking_auc,
    rate_interval,
)


def test_the_auc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half() -> None:
    scores = np.array([3.0, 1.0, 2.0, 2.0])
    assert ranking_auc(scores, np.array([2])) == pytest.approx((0 + 1 + 0.5) / 3)
    assert ranking_auc(scores, np.array([0])) == 1.0
    assert ranking_auc(np.zeros(5), np.array([1, 4])) == 0.5


def test_the_deviation_of_guessing_is_that_of_random_scores() -> None:
    rng = np.random.default_rng(0)
    found = [ranking_auc(rng.normal(size=60), np.arange(12)) for _ in range(300)]
    assert np.std(found) == pytest.approx(guessing_deviation(12, 48, 1), rel=0.15)
    assert guessing_deviation(12, 48, 100) == pytest.approx(guessing_deviation(12, 48, 1) / 10)


def test_an_interval_of_a_rate_holds_it_and_narrows_with_trials() -> None:
    assert rate_interval(0, 10)[0] == 0.0
    low, high = rate_interval(30, 100)
    assert low < 0.3 < high
    assert rate_interval(300, 1000)[1] < high


def test_two_groups_that_a_threshold_parts_give_the_whole_advantage() -> None:
    assert advantage_of(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0]), 3.0)[0] == 1.0
    assert advantage_of(np.array([5.0, 6.0]), np.array([0.0, 1.0, 2.0]), 3.0)[0] == -1.0


def test_an_advantage_lies_in_its_interval_and_is_none_for_equal_groups() -> None:
    values = np.arange(100.0)
    advantage, (low, high) = advantage_of(values, values, 50)
    assert advantage == 0
    assert low < 0 < high
    advantage, (low, high) = advantage_of(values, values + 30, 50)
    assert advantage == pytest.approx(0.3)
    assert low < advantage < high


def test_nothing_may_be_told_at_epsilon_zero_and_all_at_a_large_one() -> None:
    assert allowed_advantage(0, 0) == 0
    assert allowed_advantage(0, 0.1) == pytest.approx(0.1)
    assert allowed_advantage(1, 0) == pytest.approx((math.e - 1) / (math.e + 1))
    assert allowed_advantage(40, 0) == pytest.approx(1)
    assert allowed_detection(0, 0, 0.01) == pytest.approx(0.01)
    assert allowed_detection(1, 1e-6, 0.01) == pytest.approx(math.e / 100 + 1e-6)
    assert allowed_detection(8, 0, 0.01) < 1 == allowed_detection(40, 0, 0.01)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 3.0])
def test_the_advantage_allowed_is_the_most_that_the_region_of_tests_holds(epsilon: float) -> None:
    rates = np.linspace(0, 1, 20001)
    most = max(allowed_detection(epsilon, 1e-3, rate) - rate for rate in rates)
    assert allowed_advantage(epsilon, 1e-3) == pytest.approx(most, abs=1e-4)


def test_detection_never_lets_more_false_positives_pass_than_asked() -> None:
    out = np.arange(200.0)
    assert detection_at(out, np.array([199.0, 198.5, 197.5, 0.0]), 0.01) == (3, 2)
    assert detection_at(np.zeros(50), np.ones(4), 0.01) == (4, 0)
    assert detection_at(np.zeros(50), np.zeros(4), 0.01) == (0, 0)
