"""The index finds exactly what sorting every score would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import client.recommender.index as index
from client.recommender.index import CatalogueIndex


def slow_best(factors, query, count, prior, allowed):
    """The twin: every score in double precision, sorted; of equal ones the lower row first."""
    scores = factors.astype(np.float64) @ query.astype(np.float64) + prior
    rows = [row for row in np.lexsort((np.arange(len(scores)), -scores)) if allowed[row]]
    return np.array(rows[:count], np.int64), scores


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    items=st.integers(1, 400),
    width=st.integers(1, 40),
    count=st.integers(0, 30),
    unlike=st.floats(0, 6),
    share=st.sampled_from([1.0, 0.5, 0.01]),
    step=st.sampled_from([0.0, 0.25]),
    block=st.sampled_from([13, 64, 2**17]),
    order=st.sampled_from(["any", "worst first", "best first", "one giant"]),
)
def test_the_best_are_those_that_sorting_every_score_gives(
    seed, items, width, count, unlike, share, step, block, order
):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(items, width)) * np.exp(unlike * rng.normal(size=width))
    if step:  # many equal scores
        factors = np.rint(factors / step) * step
    factors = factors.astype(np.float32)
    query = rng.normal(size=width).astype(np.float32)
    prior = rng.normal(size=items).astype(np.float32) if not step else np.zeros(items, np.float32)
    if order == "one giant":
        factors[rng.integers(items)] *= 1000
    elif order != "any":
        rising = np.argsort(factors @ query + prior)
        placed = rising if order == "worst first" else rising[::-1]
        factors, prior = factors[placed], prior[placed]
    allowed = rng.random(items) < share
    rows, scores = slow_best(factors, query, count, prior, allowed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_SCANNED", block)
        best = CatalogueIndex(factors).best(query, count, prior, allowed)
    assert best.rows.tolist() == rows.tolist()
    assert best.scores == pytest.approx(scores[rows], rel=1e-5, abs=1e-5)


def test_scores_closer_than_the_kernel_can_tell_are_told_apart():
    """All within one part in fifty, where bfloat16 knows but a handful of numbers."""
    rng = np.random.default_rng(0)
    for width in (1, 2, 40):
        factors = np.full((400, width), 1.0 / width, np.float32)
        factors[:, 0] += rng.random(400).astype(np.float32) / 50
        query, prior = np.full(width, 3.0, np.float32), np.zeros(400, np.float32)
        rows, _ = slow_best(factors, query, 10, prior, np.ones(400, bool))
        assert CatalogueIndex(factors).best(query, 10, prior).rows.tolist() == rows.tolist()


def test_a_query_of_nothing_ranks_by_the_prior():
    factors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    prior = np.arange(50, dtype=np.float32)
    best = CatalogueIndex(factors).best(np.zeros(4, np.float32), 3, prior)
    assert best.rows.tolist() == [49, 48, 47]


def test_rows_of_zeros_and_columns_of_zeros_are_ranked_like_others():
    factors = np.zeros((4, 3), np.float32)
    factors[2, 1] = 1.0
    best = CatalogueIndex(factors).best(np.array([5.0, 2.0, 1.0], np.float32), 4, np.zeros(4, np.float32))
    assert best.rows.tolist() == [2, 0, 1, 3]


def test_where_nothing_is_allowed_there_is_nothing():
    best = CatalogueIndex(np.ones((3, 2), np.float32)).best(
        np.ones(2, np.float32), 2, np.zeros(3, np.float32), np.zeros(3, bool)
    )
    assert (len(best.rows), len(best.scores)) == (0, 0)


def test_of_many_blocks_of_equal_rows_the_lowest_are_the_best(monkeypatch):
    monkeypatch.setattr(index, "_SCANNED", 16)
    factors = np.ones((200, 3), np.float32)
    factors[::50] = 2.0
    ranked = CatalogueIndex(factors)
    best = ranked.best(np.ones(3, np.float32), 7, np.zeros(200, np.float32), np.arange(200) != 50)
    assert best.rows.tolist() == [0, 100, 150, 1, 2, 3, 4]
    assert best.scores.tolist() == [6.0] * 3 + [3.0] * 4
