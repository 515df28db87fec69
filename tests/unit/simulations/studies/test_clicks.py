"""Chances of a click: fitted from scores, and judged by log loss, calibration and AUC over all offers."""

import numpy as np
import pytest

from simulations.studies.clicks import calibration_error, fit_chances, log_loss, pooled_auc

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=20_000)
TRUE = 1 / (1 + np.exp(-(1.5 * SCORES - 1.0)))
CLICKED = RNG.random(len(SCORES)) < TRUE


def test_the_chances_that_made_the_clicks_are_found_again_whatever_the_scores_scale():
    slope, offset = fit_chances(1000 * SCORES + 5000, CLICKED)
    assert 1000 * slope == pytest.approx(1.5, abs=0.1)
    assert offset + 5000 * slope == pytest.approx(-1.0, abs=0.1)


def test_scores_that_say_nothing_or_the_opposite_give_everybody_the_same_chance():
    slope, offset = fit_chances(-SCORES, CLICKED)
    assert slope == pytest.approx(0, abs=1e-3)
    assert 1 / (1 + np.exp(-offset)) == pytest.approx(CLICKED.mean(), abs=0.01)


def test_true_chances_are_calibrated_and_too_sure_ones_are_not_though_in_the_same_order():
    sure = 1 / (1 + np.exp(-3 * (1.5 * SCORES - 1.0)))
    assert calibration_error(TRUE, CLICKED) < 0.02
    assert calibration_error(sure, CLICKED) > 0.05
    assert log_loss(TRUE, CLICKED) < log_loss(sure, CLICKED)
    assert pooled_auc(TRUE, CLICKED) == pytest.approx(pooled_auc(sure, CLICKED))


def test_log_loss_calibration_and_auc_by_hand():
    chances, clicked = np.array([0.8, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert log_loss(chances, clicked) == pytest.approx(-(np.log(0.8) + 2 * np.log(0.5) + np.log(0.9)) / 4)
    assert calibration_error(chances, clicked) == pytest.approx((0.2 + 0.5 + 0.5 + 0.1) / 4)
    assert pooled_auc(chances, clicked) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert pooled_auc(chances, np.ones(4, bool)) is None


def test_a_chance_of_nothing_for_what_happened_costs_much_and_not_infinitely_much():
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(-np.log(1e-12))
