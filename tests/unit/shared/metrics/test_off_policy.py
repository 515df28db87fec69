"""Off-policy estimates against a world whose truth is known."""

import numpy as np
import pytest

from shared.errors import Misconfigured
from shared.metrics import doubly_robust, inverse_propensity, self_normalised

SHOWN = np.array([0.5, 0.3, 0.2])  # chances of three items under the present policy
OTHER = np.array([0.1, 0.2, 0.7])
REWARD = np.array([0.2, 0.5, 0.6])
TRUTH = float(OTHER @ REWARD)


def logged(events, seed):
    rng = np.random.default_rng(seed)
    items = rng.choice(3, events, p=SHOWN)
    return items, (rng.random(events) < REWARD[items]).astype(float)


def test_a_small_log_by_hand():
    rewards, shown, other = np.array([1.0, 0.0]), np.array([0.5, 0.25]), np.array([0.25, 0.5])
    # weights .5 and 2: terms .5 and 0
    assert inverse_propensity(rewards, shown, other).value == pytest.approx(0.25)
    assert self_normalised(rewards, shown, other).value == pytest.approx(0.5 / 2.5)
    assert inverse_propensity(rewards, shown, other).effective_events == pytest.approx(2.5**2 / 4.25)
    assert inverse_propensity(rewards, shown, other, most=0.4).value == pytest.approx(0.2)


@pytest.mark.parametrize("estimate", [inverse_propensity, self_normalised])
def test_the_estimate_lies_about_the_truth_as_its_standard_error_says(estimate):
    off = []
    for seed in range(200):
        items, rewards = logged(500, seed)
        found = estimate(rewards, SHOWN[items], OTHER[items])
        off.append((found.value - TRUTH) / found.standard_error)
    assert abs(np.mean(off)) < 3 / np.sqrt(200)
    assert np.std(off) == pytest.approx(1.0, abs=0.2)


def test_doubly_robust_is_right_if_the_propensities_are_or_the_model_is():
    items, rewards = logged(200_000, 1)
    wrong_model, wrong_chances = np.array([0.9, 0.1, 0.1]), np.full(len(items), 0.8)
    everyone = np.ones(len(items))
    by_chances = doubly_robust(
        rewards, SHOWN[items], OTHER[items], wrong_model[items], everyone * (OTHER @ wrong_model)
    )
    by_model = doubly_robust(rewards, wrong_chances, OTHER[items], REWARD[items], everyone * (OTHER @ REWARD))
    neither = doubly_robust(rewards, wrong_chances, OTHER[items], wrong_model[items], everyone * (OTHER @ wrong_model))
    assert abs(by_chances.value - TRUTH) < 4 * by_chances.standard_error
    assert abs(by_model.value - TRUTH) < 4 * by_model.standard_error
    assert abs(neither.value - TRUTH) > 20 * neither.standard_error


def test_a_good_model_makes_the_estimate_surer():
    items, rewards = logged(2000, 2)
    expected = np.full(len(items), OTHER @ REWARD)
    robust = doubly_robust(rewards, SHOWN[items], OTHER[items], REWARD[items], expected)
    assert robust.standard_error < inverse_propensity(rewards, SHOWN[items], OTHER[items]).standard_error


def test_a_policy_that_would_show_nothing_of_the_log_has_nothing_to_rest_on():
    found = self_normalised(np.ones(3), np.full(3, 0.5), np.zeros(3))
    assert (found.value, found.effective_events) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("rewards", "shown", "other"),
    [([], [], []), ([1.0], [0.0], [0.5]), ([1.0], [1.5], [0.5]), ([1.0], [0.5], [-0.1]), ([1.0, 0.0], [0.5], [0.5])],
)
def test_chances_outside_their_range_are_refused(rewards, shown, other):
    with pytest.raises(Misconfigured):
        inverse_propensity(np.array(rewards), np.array(shown), np.array(other))
