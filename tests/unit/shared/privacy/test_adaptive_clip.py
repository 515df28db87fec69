"""The clipping norm that follows a quantile: hand-computed steps, and populations whose quantile is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.errors import Misconfigured
from shared.privacy import next_clip, read_indicator, with_indicator

VECTORS = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6))


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.5, 2.0), (1.0, 2.0 * 0.9048374180), (0.0, 2.0 * 1.1051709181), (7.0, 2.0 * 0.9048374180), (-3.0, 2.210341836)],
)
def test_the_step_is_the_papers(fraction, expected):
    assert next_clip(2.0, fraction, target_quantile=0.5, rate=0.2) == pytest.approx(expected)


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.9])
def test_the_norm_finds_the_quantile_of_a_population(quantile):
    norms = np.random.default_rng(0).lognormal(0.7, 0.5, 2_001)
    clip_norm = 0.01
    for _ in range(400):
        clip_norm = next_clip(clip_norm, float((norms <= clip_norm).mean()), quantile, 0.2)
    assert (norms <= clip_norm).mean() == pytest.approx(quantile, abs=0.02)


@given(VECTORS, st.floats(1e-3, 1e3), st.floats(1e-4, 0.9))
def test_vector_and_indicator_together_keep_the_norm(vector, clip_norm, share):
    packed = with_indicator(vector, clip_norm, share)
    assert packed.shape == (len(vector) + 1,)
    assert math.hypot(*packed) <= clip_norm * (1 + 1e-12)


def test_the_share_of_devices_within_is_read_from_the_mean():
    inside, outside = np.array([0.3, 0.4]), np.array([30.0, 40.0])
    mean = np.mean([with_indicator(vector, 1.0, 0.19) for vector in (inside, inside, inside, outside)], axis=0)
    vector, fraction = read_indicator(mean, 1.0, 0.19)
    assert fraction == pytest.approx(0.75)
    np.testing.assert_allclose(vector, (3 * inside + 0.9 * np.array([0.6, 0.8])) / 4)


@pytest.mark.parametrize(("length", "within"), [(0.0, True), (0.8, True), (0.8001, False)])
def test_a_vector_at_the_norm_is_within(length, within):
    packed = with_indicator(np.array([length], np.float64), 1.0, 0.36)
    assert packed[-1] == pytest.approx(0.6 if within else -0.6)


def test_noise_on_the_fraction_is_as_documented():
    generator, share, noise = np.random.default_rng(0), 0.04, 0.05
    packed = with_indicator(np.ones(1), 1.0, share)
    fractions = [read_indicator(packed + generator.normal(0, noise, 2), 1.0, share)[1] for _ in range(20_000)]
    assert np.std(fractions) == pytest.approx(noise / (2 * math.sqrt(share)), rel=0.03)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(Misconfigured, match="indicator share: expected in"):
        with_indicator(np.ones(2), 1.0, share)
    with pytest.raises(Misconfigured, match="indicator share: expected in"):
        read_indicator(np.ones(3), 1.0, share)


@pytest.mark.parametrize(
    "values", [(0.0, 0.5, 0.5, 0.2), (1.0, 0.5, 1.5, 0.2), (1.0, 0.5, 0.5, 0.0), (math.inf, 0.5, 0.5, 0.2)]
)
def test_an_impossible_step_is_refused(values):
    with pytest.raises(Misconfigured, match="adaptive clip: expected a norm"):
        next_clip(*values)


def test_a_fraction_that_is_no_number_is_refused():
    with pytest.raises(Misconfigured, match="expected a fraction, got NaN"):
        next_clip(1.0, math.nan, 0.5, 0.2)
