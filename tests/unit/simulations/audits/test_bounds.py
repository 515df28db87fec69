"""The bounds of attacks: against closed forms, enumeration and known samples."""

import math
from fractions import Fraction

import numpy as np
import pytest

from simulations.audits.bounds import one_run_epsilon, one_run_p_value, shift_between


def enumerated(canaries: int, guesses: int, right: int, accuracy: Fraction, delta: float) -> float:
    """The bound for approximate DP of Steinke, Nasr, Jagielski 2023, word for word, in fractions."""
    chance = [math.comb(guesses, n) * accuracy**n * (1 - accuracy) ** (guesses - n) for n in range(guesses + 1)]
    alpha = max((sum(chance[right - i : right]) / i for i in range(1, right + 1)), default=Fraction(0))
    return min(1.0, float(sum(chance[right:])) + 2 * canaries * delta * float(alpha))


@pytest.mark.parametrize("right", [0, 1, 7, 15, 20])
@pytest.mark.parametrize("delta", [0.0, 1e-3])
def test_the_chance_of_right_guesses_is_that_of_the_theorem(right: int, delta: float) -> None:
    accuracy = Fraction(3, 4)  # of randomised response at epsilon log 3
    expected = enumerated(40, 20, right, accuracy, delta)
    assert one_run_p_value(40, 20, right, math.log(3), delta) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("guesses", [10, 100, 12_350])
def test_guesses_that_are_all_right_give_the_closed_form(guesses: int) -> None:
    accuracy = 0.05 ** (1 / guesses)
    expected = math.log(accuracy / (1 - accuracy))
    assert one_run_epsilon(guesses, guesses, guesses, 0.0) == pytest.approx(expected, rel=1e-6)
    assert expected < math.log(guesses / 2.9)


def test_guesses_no_better_than_coins_rule_nothing_out() -> None:
    assert one_run_epsilon(1000, 100, 50, 1e-6) == 0.0
    assert one_run_epsilon(1000, 100, 0, 1e-6) == 0.0


def test_a_larger_delta_or_more_confidence_never_raises_the_bound() -> None:
    bounds = [one_run_epsilon(1000, 100, 95, delta) for delta in (0.0, 1e-6, 1e-4)]
    assert bounds == sorted(bounds, reverse=True)
    assert one_run_epsilon(1000, 100, 95, 0.0, 0.99) < one_run_epsilon(1000, 100, 95, 0.0, 0.95)


def test_the_bound_holds_for_randomised_response_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0)
    accuracy = 1 / (1 + math.exp(-1.0))
    bounds = [one_run_epsilon(200, 200, int(drawn.binomial(200, accuracy)), 0.0) for _ in range(40)]
    assert sum(bound > 1.0 for bound in bounds) <= 5
    assert np.median(bounds) > 0.6


def test_a_known_shift_is_within_its_interval_and_the_interval_is_narrow() -> None:
    drawn, direction = np.random.default_rng(1), np.eye(8)[2]
    without, canary = 5 * drawn.normal(size=(2, 2000, 8))
    shift = shift_between(canary + 10 * direction, without, direction)
    assert shift.low < 2.0 < shift.high
    assert shift.mu < shift.above < shift.high < shift.low + 0.15


def test_sums_without_noise_are_moved_without_bound() -> None:
    still = np.zeros((10, 3))
    assert shift_between(still + 1, still, np.eye(3)[0]).low == math.inf
