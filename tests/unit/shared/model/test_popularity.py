"""The popularity prior: exact counts as they are, noisy ones and absent ones seen through what the texts tell."""

import numpy as np
import pytest

from shared.model import log_popularity, predicted_log_popularity


def test_exact_counts_are_shrunk_and_centred():
    prior = log_popularity(np.array([0.0, 1.0, 7.0]), np.zeros((3, 4), np.float32), 1.0, 0.0)
    # by hand: log 1, log 2 and log 8 are 0, 1 and 3 times log 2, their mean 4/3
    assert prior.dtype == np.float32
    assert prior == pytest.approx(np.log(2) * np.array([-4 / 3, -1 / 3, 5 / 3]), abs=1e-6)


def test_noisy_counts_are_believed_as_far_as_the_noise_allows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 8)).astype(np.float32)
    logarithms = 2.0 + 0.8 * x[:, 0] + 0.6 * rng.normal(size=600)
    counts = rng.poisson(np.exp(logarithms)).astype(float)
    truth = logarithms - logarithms.mean()
    errors = {}
    for noise in (1.0, 10.0, 1000.0):
        noisy = counts + rng.normal(0, noise, 600)
        prior = log_popularity(noisy, x, 1.0, noise)
        assert np.isfinite(prior).all()
        naive = np.log(np.maximum(noisy, 0) + 1)
        errors[noise] = float(np.mean((prior - truth) ** 2))
        assert errors[noise] < np.mean((naive - naive.mean() - truth) ** 2)
    # the variance of the logarithm itself is .8² + .6² = 1; knowing the text alone leaves .36
    assert errors[1.0] < 0.25
    assert errors[1.0] < errors[10.0] < 0.75
    assert errors[1000.0] == pytest.approx(1.0, abs=0.35)


def test_the_same_counts_give_the_same_prior():
    rng = np.random.default_rng(1)
    x, counts = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(5, 10, 50)
    assert log_popularity(counts, x, 1.0, 10.0).tobytes() == log_popularity(counts, x, 1.0, 10.0).tobytes()


def test_an_item_without_a_count_gets_what_its_text_says_shrunk():
    texts = np.array([[1.0], [-1.0], [1.0], [-1.0]], np.float32)
    counted, new = np.array([2.0, 0.0, 2.0, 0.0], np.float32), np.array([[1.0], [0.0], [-1.0]], np.float32)
    predicted = predicted_log_popularity(texts, counted, new, 1.5)
    # by hand: level 1, slope 4 / (4 + 10) = 2/7, so (5/7)² is left of each of four, over 4 - 1 - 4/14 = 19/7 degrees of
    # freedom: a variance of 100/133
    assert predicted.dtype == np.float32
    assert predicted == pytest.approx(1 + np.array([2 / 7, 0, -2 / 7]) + 1.5 * (100 / 133) ** 0.5, abs=1e-6)


def test_new_items_are_expected_where_items_like_them_stand_and_no_count_of_zero_is_made_of_them():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3000, 8)).astype(np.float32)
    rates = np.exp(2.0 + 0.8 * x[:, 0] + 0.6 * rng.normal(size=3000))
    known, new = slice(0, 2000), slice(2000, 3000)
    prior = log_popularity(rng.poisson(rates[known]).astype(float), x[known], 1.0, 0.0)
    # of a log-normal the mean is half the variance above the median: here .36 / 2, of a deviation of .6
    predicted = predicted_log_popularity(x[known], prior, x[new], 0.3)
    assert np.corrcoef(predicted, np.log(rates[new]))[0, 1] > 0.75  # .8 is all that the text tells
    assert predicted.min() > prior.min()
    # on the scale of counts the new ones have about the share that they will have
    share = np.exp(predicted).sum() / np.exp(prior).sum()
    assert share == pytest.approx(rates[new].sum() / (rates[known] + 1).sum(), rel=0.15)


def test_where_all_counted_items_are_alike_so_are_new_ones():
    x = np.random.default_rng(3).normal(size=(5, 8)).astype(np.float32)
    assert not predicted_log_popularity(x, np.zeros(5, np.float32), x, 2.0).any()
