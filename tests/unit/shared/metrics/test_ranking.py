"""Ranking metrics against cases counted by hand, every order of the ties, and scikit-learn."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from shared.metrics import RankResult, list_metrics, rank_result


def stand(wanted: float, others: list[float]) -> RankResult:
    row = np.asarray([others], np.float32)
    return rank_result(np.asarray([wanted], np.float32), row, np.ones(row.shape, bool))


def test_without_ties_the_rank_is_one_more_than_the_items_above():
    place = stand(0.5, [0.9, 0.7, 0.1, 0.2])
    assert place.rank.tolist() == [3.0]
    assert place.hit_rate(2).tolist() == [0.0]
    assert place.hit_rate(3).tolist() == [1.0]
    assert place.ndcg(3)[0] == pytest.approx(1 / 2)  # 1 / log2(3 + 1)
    assert place.reciprocal_rank()[0] == pytest.approx(1 / 3)
    assert place.auc().tolist() == [0.5]


def test_ties_count_half_in_the_rank():
    assert stand(0.5, [0.9, 0.5, 0.5, 0.5, 0.1]).rank.tolist() == [3.5]  # 1 + 1 above + 3 / 2
    assert stand(0.5, [0.9, 0.5, 0.5, 0.5, 0.1]).auc()[0] == pytest.approx((1 + 3 / 2) / 5)


def test_an_item_on_the_edge_of_the_first_ten_counts_by_its_chance_of_being_in():
    place = RankResult(np.asarray([8]), np.asarray([3]), np.asarray([99]))  # place 9, 10, 11 or 12
    assert place.hit_rate(10).tolist() == [0.5]
    assert place.ndcg(10)[0] == pytest.approx((1 / np.log2(10) + 1 / np.log2(11)) / 4)
    assert place.reciprocal_rank()[0] == pytest.approx((1 / 9 + 1 / 10 + 1 / 11 + 1 / 12) / 4)


def test_equal_scores_for_everything_are_worth_what_chance_is_worth():
    place = stand(0.0, [0.0] * 99)
    assert place.hit_rate(10)[0] == pytest.approx(0.1)
    assert place.auc()[0] == pytest.approx(0.5)


def test_only_counted_items_compete():
    wanted, others = np.asarray([0.5], np.float32), np.asarray([[0.9, 0.5, 0.8, 0.1]], np.float32)
    place = rank_result(wanted, others, np.asarray([[False, False, True, True]]))
    assert (place.above.tolist(), place.level.tolist(), place.others.tolist()) == ([1], [0], [2])


def test_an_item_without_others_is_first_and_has_no_auc():
    place = stand(0.5, [])
    assert place.hit_rate(10).tolist() == [1.0]
    assert np.isnan(place.auc()).all()


def test_nobody_asked_gives_empty_metrics():
    nobody = RankResult(*(np.zeros(0, np.int64) for _ in range(3)))
    assert [len(values) for values in (nobody.hit_rate(10), nobody.ndcg(10), nobody.reciprocal_rank())] == [0, 0, 0]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.integers(0, 2), st.integers(1, 4))
def test_each_metric_is_its_mean_over_all_orders_of_the_ties(others, wanted, k):
    places = []
    for order in permutations(range(len(others) + 1)):  # item 0 is the wanted one; an order settles the ties
        scores = [wanted, *others]
        ranking = sorted(range(len(scores)), key=lambda item: (-scores[item], order[item]))
        places.append(ranking.index(0) + 1)
    place = stand(wanted, others)
    assert place.rank[0] == pytest.approx(np.mean(places))
    assert place.hit_rate(k)[0] == pytest.approx(np.mean([p <= k for p in places]))
    assert place.ndcg(k)[0] == pytest.approx(np.mean([(p <= k) / np.log2(p + 1) for p in places]))
    assert place.reciprocal_rank()[0] == pytest.approx(np.mean([1 / p for p in places]))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(0, 6))
def test_auc_and_ndcg_are_those_of_scikit_learn(others, wanted):
    truth, scores = [1] + [0] * len(others), [wanted, *others]
    place = stand(wanted, others)
    assert place.auc()[0] == pytest.approx(roc_auc_score(truth, scores))
    assert place.ndcg(10)[0] == pytest.approx(ndcg_score([truth], [scores], k=10))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_metrics_of_a_list_with_several_clicks_are_those_of_scikit_learn(entries):
    scores = np.asarray([score for score, _ in entries], np.float32)
    clicked = np.asarray([was_clicked for _, was_clicked in entries])
    if clicked.all() or not clicked.any():
        return
    metrics = list_metrics(scores, clicked)
    assert metrics["auc"] == pytest.approx(roc_auc_score(clicked, scores))
    assert metrics["ndcg@5"] == pytest.approx(ndcg_score([clicked], [scores], k=5))
    assert metrics["ndcg@10"] == pytest.approx(ndcg_score([clicked], [scores], k=10))


def test_metrics_of_a_list_counted_by_hand():
    scores = np.asarray([0.9, 0.8, 0.7, 0.6], np.float32)
    metrics = list_metrics(scores, np.asarray([False, True, False, True]))  # clicked at places 2 and 4
    assert metrics["auc"] == pytest.approx(1 / 4)  # of four pairs only 0.8 over 0.7 is right
    assert metrics["mrr"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    ideal = 1 + 1 / np.log2(3)
    assert metrics["ndcg@5"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


def test_a_list_is_worth_the_same_in_any_order():
    scores, clicked = np.asarray([1, 1, 0, 1, 0], np.float32), np.asarray([True, False, True, False, False])
    order = [4, 2, 0, 3, 1]
    assert list_metrics(scores[order], clicked[order]) == pytest.approx(list_metrics(scores, clicked))
