"""From a contribution to words: clipped, rounded, noised, and nothing else."""

import hashlib

import numpy as np
import pytest

from client.secagg import Contribution, encode_contribution
from shared.errors import Misconfigured
from shared.privacy import Keystream, sample_discrete_gaussian
from tests.support.private_round import configuration, rng

PARAMETERS = configuration().for_cohort(10)


def words(vector, seed=b"words", noisy=0, local=0.0, **changed):
    """Signed values of the words; `local` is the deviation of the device's own noise over the clipping norm."""
    asked = configuration(len(vector), noise=noisy, **changed)
    contribution = Contribution(np.asarray(vector, np.float32))
    made = encode_contribution(contribution, asked, asked.for_cohort(10, local), rng(seed))
    assert made.dtype == np.uint32
    return made.astype(np.int32).astype(np.int64)


def test_what_needs_no_rounding_is_scaled_and_nothing_more():
    scale = PARAMETERS.scale
    assert words([0.5, -0.25, 0.0, 0.125]).tolist() == [scale // 2, -scale // 4, 0, scale // 8]


def test_a_vector_beyond_the_norm_is_clipped_to_it():
    scale = configuration(2).for_cohort(10).scale
    assert np.abs(words([3.0, 4.0]) - np.array([0.6, 0.8]) * scale).max() <= 1
    assert np.abs(words([3.0, 4.0], clip_norm=10.0) - np.array([0.3, 0.4]) * scale).max() <= 1


def test_every_contribution_keeps_within_the_bound_that_is_paid_for():
    drawn = np.random.default_rng(3)
    for dimension in (1, 7, 400):
        bound = configuration(dimension).for_cohort(10).squared_norm_bound
        for number in range(20):
            made = words(drawn.normal(size=dimension) * 10, seed=bytes([number]))
            assert int((made**2).sum()) <= bound


def test_rounding_is_right_in_expectation():
    asked = configuration(1)
    scale = asked.for_cohort(10).scale
    value = np.float32((100 + 0.25) / scale)
    made = [words([value], seed=number.to_bytes(2, "little"))[0] for number in range(2000)]
    assert set(made) == {100, 101}
    # 2000 coins of 1/4: five standard deviations are 0.048
    assert np.mean(made) == pytest.approx(100.25, abs=0.05)


def test_the_first_key_drawn_rounds_and_the_second_is_for_the_noise():
    """FEDREC-SA/1 section 7, from the noise itself."""
    vector = np.random.default_rng(1).normal(size=50).astype(np.float32) / 10
    without, noisy = words(vector), words(vector, noisy=1)
    variance = configuration(50, noise=1).for_cohort(10).variance
    stream = rng(b"words")
    stream(32)
    assert (noisy - without).tolist() == sample_discrete_gaussian(Keystream(stream(32)), variance, 50).tolist()


@pytest.mark.parametrize("noisy", [0, 1])
def test_the_last_key_drawn_is_for_local_noise_whatever_the_vector(noisy):
    """The same exact law as the sum's noise, of a key of its own, and beside what that adds."""
    asked = configuration(50, noise=noisy).for_cohort(10, 1.5)
    assert asked.local_variance == (3 * asked.scale // 2) ** 2
    stream = rng(b"words")
    stream(32 * (1 + noisy))
    expected = sample_discrete_gaussian(Keystream(stream(32)), asked.local_variance, 50).tolist()
    for vector in (np.zeros(50), np.random.default_rng(1).normal(size=50)):
        assert (words(vector, noisy=noisy, local=1.5) - words(vector, noisy=noisy)).tolist() == expected


def test_local_noise_has_the_promised_deviation_in_every_number_and_is_not_clipped():
    scale = configuration(40_000).for_cohort(10).scale
    noise = words(np.zeros(40_000, np.float32), local=2.0)
    # sample variances of 40 000 draws: five standard deviations are 3.6 %
    assert noise.var() == pytest.approx((2.0 * scale) ** 2, rel=0.036)
    assert abs(noise.mean()) < 5 * 2.0 * scale / 200
    assert np.linalg.norm(noise.astype(float)) > 300 * scale
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 5 / 200
    both = words(np.zeros(40_000, np.float32), noisy=1, local=2.0)
    variance = configuration(40_000, noise=1).for_cohort(10).variance
    assert both.var() == pytest.approx(variance + (2.0 * scale) ** 2, rel=0.036)


def test_negative_numbers_are_words_modulo_two_to_the_32():
    asked = configuration(1)
    made = encode_contribution(Contribution(np.array([-0.5], np.float32)), asked, PARAMETERS, rng(b""))
    assert made.tolist() == [2**32 - PARAMETERS.scale // 2]


@pytest.mark.parametrize("vector", [np.zeros(3, np.float32), np.full(2, np.inf, np.float32), np.zeros(2)], ids=str)
def test_a_contribution_that_does_not_fit_is_not_summed(vector):
    with pytest.raises(Misconfigured):
        encode_contribution(Contribution(vector), configuration(2), PARAMETERS, rng(b""))


def test_the_words_of_two_devices_with_nothing_to_say_differ_by_their_noise_only():
    zeros = np.zeros(30_000, np.float32)
    first, second = (words(zeros, seed=hashlib.sha256(name).digest(), noisy=1) for name in (b"one", b"two"))
    variance = configuration(30_000, noise=1).for_cohort(10).variance
    assert not words(zeros).any()
    # sample variances of 30 000 draws: five standard deviations are 4 %
    assert first.var() == pytest.approx(variance, rel=0.04)
    assert (first - second).var() == pytest.approx(2 * variance, rel=0.04)
