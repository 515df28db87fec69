"""The table of companions: the nearest by shrunk cosine, bounded, and refused where it is something else."""

import numpy as np
import pytest

from shared.companions import MOST_COMPANIONS, Companions, companion_score
from shared.item_statistics import ItemStatistics
from shared.pair_cells import PairCells, PairCounts


def pairs(*entries: tuple[int, int, float]) -> PairCounts:
    return PairCounts(
        np.array([entry[:2] for entry in entries], np.int32), np.array([entry[2] for entry in entries], np.float32)
    )


def test_companions_stand_by_falling_cosine_of_the_people_who_chose_either():
    counts = np.array([100.0, 25.0, 4.0, 0.0])
    table = Companions.of_pairs(pairs((0, 1, 20), (0, 2, 4), (1, 2, 3)), counts)
    assert table.rows.shape == table.weights.shape == (4, MOST_COMPANIONS)
    assert table.rows[:3, :2].tolist() == [[1, 2], [0, 2], [1, 0]]
    assert table.weights[:3, :2] == pytest.approx(
        np.array([[20 / 60, 4 / 30], [20 / 60, 3 / 20], [3 / 20, 4 / 30]]), abs=1e-3
    )
    assert not table.weights[:, 2:].any()
    assert not table.weights[3].any()


def test_an_item_keeps_its_twenty_nearest_and_a_weight_is_at_most_one():
    counts = np.full(30, -5.0)  # noise may lead below nothing
    table = Companions.of_pairs(pairs(*((0, other, 2.0 + other) for other in range(1, 30))), counts)
    assert table.rows[0].tolist() == list(range(8, 28))  # from 8 on all weigh one
    assert table.weights[0, 0] == 1.0
    assert (np.diff(table.weights.astype(np.float64), axis=1) <= 0).all()
    assert (table.weights[1:, 1:] == 0).all()
    assert table.rows[5, 0] == 0


def test_new_items_have_none_and_those_in_another_order_keep_theirs():
    table = Companions.of_pairs(pairs((0, 1, 5.0), (1, 2, 9.0)), np.array([9.0, 9.0, 9.0])).followed_by(2)
    assert table.rows.shape == (5, MOST_COMPANIONS)
    assert not table.weights[3:].any()
    order = np.array([4, 2, 0, 3, 1])
    moved = table.reordered(order)
    for place, item in enumerate(order):
        assert moved.weights[place].tolist() == table.weights[item].tolist()
        assert order[moved.rows[place]].tolist() == table.rows[item].tolist()
    assert Companions.none(3).followed_by(2).rows.shape == (5, 0)


def test_what_an_event_says_is_its_weight_and_that_of_the_companion_and_no_item_says_nothing():
    table = Companions.of_pairs(pairs((0, 1, 10.0)), np.array([10.0, 10.0]))
    said = table.beside(np.array([0, -1, 1]), np.array([1.0, 1.0, 0.5]))
    assert said[:, 0] == pytest.approx([0.5, 0.0, 0.25], abs=1e-3)
    assert not said[:, 1:].any()
    assert companion_score(np.array([0.0, 0.01])).tolist() == pytest.approx([0.0, np.log(2)])


@pytest.mark.parametrize(
    ("rows", "weights", "said"),
    [
        (np.array([[3], [0], [1]], np.int32), np.ones((3, 1), np.float16), "among the 3 items"),
        (np.array([[-1], [0], [1]], np.int32), np.ones((3, 1), np.float16), "among the 3 items"),
        (np.zeros((3, 1), np.int64), np.ones((3, 1), np.float16), "int32"),
        (np.zeros((3, 1), np.int32), np.ones((3, 1), np.float32), "float16"),
        (np.zeros((3, 2), np.int32), np.ones((3, 1), np.float16), r"\(3, 2\)"),
        (np.zeros(3, np.int32), np.ones(3, np.float16), "int32"),
        (np.zeros((3, 21), np.int32), np.ones((3, 21), np.float16), "at most 20"),
        (np.zeros((3, 1), np.int32), np.full((3, 1), np.nan, np.float16), "from 0 to 1"),
        (np.zeros((3, 1), np.int32), np.full((3, 1), np.inf, np.float16), "from 0 to 1"),
        (np.zeros((3, 1), np.int32), np.full((3, 1), -0.5, np.float16), "from 0 to 1"),
    ],
)
def test_a_table_that_is_none_is_refused(rows, weights, said):
    with pytest.raises(ValueError, match=said):
        Companions(rows, weights)


def test_statistics_are_the_counts_and_behind_them_the_pairs():
    total = np.zeros(3 + PairCells(3).size)
    total[:3] = [4.0, 6.0, 2.0]
    total[3 + PairCells(3).of(np.array([0, 1]))] = 3.0
    read = ItemStatistics.of_sum(total, 3, 0.0)
    assert read.counts.tolist() == [4.0, 6.0, 2.0]
    assert read.pairs.pairs.tolist() == [[0, 1]]
    assert repr(read) == "ItemStatistics(3 items, 1 pairs)"
    assert not len(ItemStatistics.of_sum(total[:3], 3, 0.0).pairs.pairs)
    assert not len(read.pairs.among(1).pairs)
