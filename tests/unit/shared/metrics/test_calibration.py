"""Calibration: the divergence by another library, and its ends."""

import numpy as np
import pytest
from scipy.stats import entropy

from shared.metrics import WORST_CALIBRATION, miscalibration

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
    assert pytest.approx(np.log(100)) == WORST_CALIBRATION
