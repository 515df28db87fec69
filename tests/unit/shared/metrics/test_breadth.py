"""Breadth of lists, by hand."""

import numpy as np
import pytest

from shared.metrics import coverage, gini, intra_list_diversity, novelty


def test_coverage_is_the_share_of_items_that_anybody_is_offered():
    assert coverage(np.array([[0, 1], [1, 2]]), 6) == 0.5


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[0, 1], [2, 3]], 0.0),  # everything once
        ([[0, 0], [0, 0]], 0.75),  # one of four gets all: (n - 1) / n
        ([[0, 0], [0, 1]], 0.625),  # exposures 0 0 1 3: (-3*0 - 1*0 + 1*1 + 3*3) / (4 * 4)
    ],
)
def test_gini_tells_even_from_uneven_exposure(lists, expected):
    assert gini(np.array(lists), 4) == pytest.approx(expected)


def test_nothing_offered_is_even():
    assert gini(np.zeros((0, 2), np.int64), 4) == 0.0


def test_novelty_is_self_information_over_that_of_the_rarest():
    counts = np.array([3.0, 1.0, 0.0, 0.0])  # one more each: 4, 2, 1, 1 of 8: 1, 2, 3, 3 bits
    assert novelty(np.array([[0, 1], [2, 3]]), counts) == pytest.approx([1.5 / 3, 1.0])


def test_diversity_is_the_mean_unlikeness_of_pairs():
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    # pairs of the first list: 0, .6, .8 alike; of the second: the same item three times
    lists = np.array([[0, 1, 2], [2, 2, 2]])
    assert intra_list_diversity(lists, vectors) == pytest.approx([1 - (0 + 0.6 + 0.8) / 3, 0.0], abs=1e-6)
    assert intra_list_diversity(np.array([[0]]), vectors) == pytest.approx([0.0])
