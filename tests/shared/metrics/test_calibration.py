"""Calibration: the divergence by another library, the re-ranking by hand and by its ends."""

import numpy as np
import pytest
from scipy.stats import entropy

from shared.metrics import calibrated, miscalibration

OWN = np.array([0.7, 0.3, 0.0])


def test_a_list_that_mixes_as_its_person_does_is_calibrated():
    listed = np.tile(OWN, (1, 5, 1))
    assert miscalibration(listed, OWN[None]) == pytest.approx([0.0], abs=1e-12)


def test_the_divergence_is_that_of_the_smoothed_mix():
    listed = np.array([[[1.0, 0, 0], [0.5, 0, 0.5]]])
    mix = 0.99 * np.array([0.75, 0.0, 0.25]) + 0.01 * OWN
    assert miscalibration(listed, OWN[None]) == pytest.approx([entropy(OWN, mix)])


def test_a_list_that_misses_everything_of_a_person_is_as_bad_as_can_be():
    listed = np.array([[[0.0, 0.0, 1.0]]])
    assert miscalibration(listed, OWN[None]) == pytest.approx([np.log(100)])


def test_without_strength_the_order_stays_as_it_was():
    chance = np.random.default_rng(0)
    scores, shares = np.sort(chance.random(20))[::-1], chance.dirichlet(np.ones(3), 20)
    assert calibrated(scores, shares, OWN, 10, 0.0).tolist() == list(range(10))


def test_with_calibration_alone_the_list_mixes_as_the_person_does():
    scores = np.linspace(1, 0, 20)
    shares = np.zeros((20, 3))
    shares[:15, 2] = 1.0  # the best fifteen are of a concept the person does not care for
    shares[15:18, 0] = 1.0
    shares[18:, 1] = 1.0
    chosen = calibrated(scores, shares, np.array([0.6, 0.4, 0.0]), 5, 1.0)
    assert sorted(chosen) == [15, 16, 17, 18, 19]
    assert len(set(calibrated(scores, shares, OWN, 20, 0.5))) == 20


def test_more_strength_never_makes_the_list_less_calibrated_here():
    chance = np.random.default_rng(1)
    scores, shares = np.sort(chance.random(60))[::-1], chance.dirichlet(np.full(3, 0.2), 60)
    distances = [
        float(miscalibration(shares[calibrated(scores, shares, OWN, 10, strength)][None], OWN[None])[0])
        for strength in (0.0, 0.5, 1.0)
    ]
    assert distances[0] > distances[1] >= distances[2]
