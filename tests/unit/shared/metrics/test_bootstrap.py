"""Bootstrap intervals against known distributions."""

import numpy as np
import pytest

from shared.metrics import bootstrap_interval


def test_the_interval_of_a_mean_is_about_two_standard_errors_each_way():
    values = np.random.default_rng(0).normal(3.0, 1.0, 2000)
    low, high = bootstrap_interval(values, seed=1)
    error = values.std() / np.sqrt(2000)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_the_interval_of_a_paired_difference_is_narrower_than_that_of_either_mean():
    rng = np.random.default_rng(0)
    first = rng.normal(size=500)
    second = first + rng.normal(0.1, 0.1, 500)
    low, high = bootstrap_interval(second - first, seed=0)
    assert 0.08 < low < high < 0.12
    wide = bootstrap_interval(first, seed=0)
    assert wide[1] - wide[0] > 5 * (high - low)


def test_values_of_one_person_are_drawn_together():
    values = np.repeat(np.random.default_rng(0).normal(size=100), 25)  # 25 equal answers of each of 100 people
    together = bootstrap_interval(values, seed=0, people=np.repeat(np.arange(100) * 7, 25))
    apart = bootstrap_interval(values, seed=0)
    assert (together[1] - together[0]) == pytest.approx(5 * (apart[1] - apart[0]), rel=0.15)  # sqrt(25)


def test_one_value_each_is_the_same_with_and_without_names():
    values = np.random.default_rng(0).normal(size=50)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3, people=np.arange(50))


def test_the_same_seed_gives_the_same_interval():
    values = np.arange(30.0)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


def test_nobody_gives_no_interval():
    assert np.isnan(bootstrap_interval(np.zeros(0), seed=0)).all()


def test_weights_make_it_the_interval_of_a_weighted_mean():
    values = np.random.default_rng(0).normal(size=400)
    weights = np.repeat([1.0, 0.0], 200)
    low, high = bootstrap_interval(values, seed=0, weights=weights)
    alone = bootstrap_interval(values[:200], seed=0)
    assert low < values[:200].mean() < high
    assert high - low == pytest.approx(alone[1] - alone[0], rel=0.15)
