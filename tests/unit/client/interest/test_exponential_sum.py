"""Forgetting as a sum of exponentials: near the power of the age, and the same however it is carried on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.interest.exponential_sum import LONGEST, Decay, ExponentialSum


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_mixture_is_the_power_of_the_age_to_within_one_in_two_thousand(gamma):
    ages = np.arange(1.0, LONGEST + 1)
    assert np.abs(Decay.power(gamma).weights(ages) * ages**gamma - 1.0).max() < 5e-4


def test_weights_fall_with_age_and_are_never_negative():
    weights = Decay.power(0.7).weights(np.arange(1.0, 50_000))
    assert (np.diff(weights) <= 0).all()
    assert (weights > 0).all()


@given(
    st.lists(st.tuples(st.floats(-2, 2, width=32), st.booleans()), max_size=40),
    st.floats(0, 3),
    st.integers(0, 20),
)
def test_carrying_on_equals_summing_up_anew(taken, gamma, newer):
    decay = Decay.power(gamma)
    memory = ExponentialSum(decay, 1)
    for value, ages in taken:
        memory.take(np.array([value]), ages)
    # By hand: an event's age is one more than the ageing events after it.
    expected = 0.0
    for place, (value, _) in enumerate(taken):
        age = 1 + newer + sum(ages for _, ages in taken[place + 1 :])
        expected += value * float(decay.weights(np.array([float(age)]))[0])
    assert memory.value(newer)[0] == pytest.approx(expected, abs=1e-6)
