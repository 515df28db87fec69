"""Cells of pairs: each pair has its own, or several shared ones, and what stands out of a sum is found again."""

from itertools import combinations

import numpy as np
import pytest

from shared.pair_cells import PairCells

LARGE = 2900  # items, whose 4.2 million pairs share cells


def summed(cells: PairCells, people: list[list[int]]) -> np.ndarray:
    total = np.zeros(cells.size)
    for rows in people:
        total[cells.of(np.array(rows))] += cells.part
    return total


def counted(items: int, people: list[list[int]]) -> np.ndarray:
    return np.bincount(np.concatenate(people), minlength=items).astype(np.float64)


@pytest.mark.parametrize("items", [2, 3, 7, 24])
def test_a_small_catalogue_has_a_cell_for_every_pair_and_each_is_read_as_itself(items):
    cells = PairCells(items)
    pairs = list(combinations(range(items), 2))
    assert [cells.of(np.array(pair)).tolist() for pair in pairs] == [[place] for place in range(cells.size)]
    found = cells.read(2.0 + np.arange(cells.size), np.zeros(items), 0.0)
    assert found.pairs.tolist() == [list(pair) for pair in pairs]
    assert found.counts.tolist() == [2.0 + place for place in range(cells.size)]
    assert (found.pairs.dtype, found.counts.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("items", [24, LARGE])
def test_the_order_of_choices_changes_no_cell_and_a_pair_moves_the_norm_by_one(items):
    cells = PairCells(items)
    rows = np.array([5, 17, 2, 23])
    assert cells.of(rows).tolist() == cells.of(rows[::-1]).tolist()
    assert len(cells.of(rows)) == 6 * cells.per_pair
    assert cells.size <= 2**22
    assert 0 <= cells.of(rows).min() <= cells.of(rows).max() < cells.size
    for pair in combinations(rows, 2):
        assert len(cells.of(np.array(pair))) * cells.part**2 == pytest.approx(1.0)
    assert cells.of(rows[:1]).tolist() == cells.of(rows[:0]).tolist() == []


@pytest.mark.parametrize("items", [24, LARGE])
def test_pairs_of_two_people_are_found_and_those_of_one_are_not(items):
    people = [[1, 5, 9], [9, 5], [20, 5, 9], [20, 1], [3, 4]]
    found = PairCells(items).read(summed(PairCells(items), people), counted(items, people), 0.0)
    assert dict(zip(map(tuple, found.pairs.tolist()), found.counts.tolist(), strict=True)) == {(5, 9): pytest.approx(3)}


def test_of_shared_cells_chance_makes_up_next_to_nothing():
    rng = np.random.default_rng(0)
    people = [rng.choice(LARGE, 8, replace=False).tolist() for _ in range(1500)]  # 42,000 pairs, nearly all of one
    people += [[7, row, 11] for row in rng.choice(np.arange(20, LARGE), 40, replace=False).tolist()]
    both = {}
    for rows in people:
        for pair in combinations(sorted(rows), 2):
            both[pair] = both.get(pair, 0) + 1
    found = PairCells(LARGE).read(summed(PairCells(LARGE), people), counted(LARGE, people), 0.0)
    read = dict(zip(map(tuple, found.pairs.tolist()), found.counts.tolist(), strict=True))
    least = min(read.values())
    assert (7, 11) in read
    assert {pair for pair, count in both.items() if count > least} <= set(read)
    assert sum(pair not in both or both[pair] < 2 for pair in read) < LARGE / 2
    assert all(count >= both.get(pair, 0) - 1e-3 for pair, count in read.items())


@pytest.mark.parametrize("items", [24, LARGE])
def test_noise_alone_gives_no_pair_and_a_count_far_above_it_is_found(items):
    cells, rng = PairCells(items), np.random.default_rng(1)
    total = rng.normal(0.0, 10.0, cells.size)
    assert not len(cells.read(total, np.zeros(items), 10.0).pairs)
    total[cells.of(np.array([3, 8]))] += 500.0 * cells.part
    assert cells.read(total, np.zeros(items), 10.0).pairs.tolist() == [[3, 8]]


def test_nothing_is_printed_of_what_was_counted():
    assert repr(PairCells(3)) == "PairCells(3 items, 3 cells)"
    assert repr(PairCells(3).read(np.full(3, 9.0), np.full(3, 9.0), 0.0)) == "PairCounts(3 pairs)"
