"""Metrics of the first ten places, against their definitions one item at a time, and by hand where there are ties."""

import numpy as np
import pytest

from shared.metrics import grouped_auc, rank_result, top_k_of_list, top_k_of_one

K, LISTS, ITEMS = 10, 40, 30


def slowly(scores, wanted):
    """As the definitions read; compared with ranx 0.3.21, which takes a minute to compile, on these very lists."""
    places = [item for _, item in sorted(zip(-scores, range(ITEMS), strict=True))][:K]
    relevant = set(np.flatnonzero(wanted))
    hits = [item in relevant for item in places]
    recall, precision = sum(hits) / len(relevant), sum(hits) / K
    f1 = 2 * precision * recall / (precision + recall) if sum(hits) else 0.0
    precisions = [sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits) if hit]
    return {"recall@10": recall, "precision@10": precision, "f1@10": f1, "map@10": sum(precisions) / len(relevant)}


@pytest.mark.parametrize("most", [1, 9])
def test_recall_precision_f1_and_map_are_what_their_definitions_say(most):
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(ITEMS, dtype=np.float32), (LISTS, 1)), axis=1)
    wanted = np.zeros((LISTS, ITEMS), bool)
    for row in wanted:  # never more than ten, beyond which definitions of MAP differ
        row[rng.choice(ITEMS, rng.integers(1, most + 1), replace=False)] = True
    for row, marks in zip(scores, wanted, strict=True):
        assert top_k_of_list(row, marks, K) == pytest.approx(slowly(row, marks))
    if most == 1:
        of_one = top_k_of_one(rank_result(scores[wanted], scores, ~wanted), K)
        for name, values in of_one.items():
            assert values == pytest.approx([slowly(row, m)[name] for row, m in zip(scores, wanted, strict=True)])


def test_ties_are_taken_in_expectation():
    wanted = np.array([True, False, False, False])
    found = top_k_of_list(np.array([1, 1, 1, 0], np.float32), wanted, 2)
    # Place 1, 2 or 3: among the first two in two cases of three.
    assert (found["recall@2"], found["precision@2"], found["f1@2"]) == pytest.approx((2 / 3, 1 / 3, 4 / 9))
    assert found["map@2"] == 0.0  # it stands last among its equals
    of_one = top_k_of_one(
        rank_result(np.ones(1, np.float32), np.array([[1, 1, 0]], np.float32), np.ones((1, 3), bool)), 2
    )
    assert of_one["recall@2"][0] == pytest.approx(2 / 3)
    assert of_one["map@2"][0] == pytest.approx((1 + 1 / 2) / 3)


def test_gauc_counts_a_list_by_its_wanted_items_and_leaves_out_those_without_an_auc():
    assert grouped_auc(np.array([0.5, 1.0, np.nan]), np.array([3.0, 1.0, 7.0])) == pytest.approx((3 * 0.5 + 1.0) / 4)
    assert grouped_auc(np.array([np.nan]), np.array([1.0])) is None
