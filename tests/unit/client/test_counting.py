"""What a device counts: its newest distinct items, and the pairs of the newest of them, within the norm it promised."""

import numpy as np
import pytest

from client import count_met
from shared.pair_cells import PairCells
from shared.tasks import TASK_ROWS


@pytest.fixture(scope="module")
def releases(tiny):
    return {
        (level, pairs_of): tiny.release(
            f"privacy.level={level}",
            "sum.mode=ideal",
            "statistics.items_per_device=3",
            f"statistics.pairs_of={pairs_of}",
        )[0]
        for level in ("none", "user")
        for pairs_of in (0, 2, 5)
    }


@pytest.mark.parametrize("level", ["none", "user"])
@pytest.mark.parametrize("pairs_of", [0, 2, 5])
@pytest.mark.parametrize("met", [[], [4], [4, 9, 4], [1, 2, 3, 4, 5, 6, 2]])
def test_the_length_of_a_summand_tells_nothing_and_its_norm_is_bounded(releases, level, pairs_of, met):
    release = releases[level, pairs_of]
    counted = count_met(release, met)
    row = TASK_ROWS["statistics"]
    assert counted.dimension == len(counted.dense()) == row.dimension(release.federation, 24, 0)
    assert np.linalg.norm(counted.dense()) <= row.clip_norm(release.federation) * (1 + 1e-6)
    assert (counted.dense() >= 0).all()
    assert np.diff(counted.places).min(initial=1) > 0
    assert repr(counted) == f"Counted(d={counted.dimension})"


def test_the_newest_distinct_items_and_their_pairs_are_counted(releases):
    vector = count_met(releases["none", 5], [1, 2, 3, 4, 5, 6, 2]).dense()
    assert np.flatnonzero(vector[:24]).tolist() == [2, 5, 6]  # three items
    cells = PairCells(24).of(np.array([2, 3, 4, 5, 6]))  # pairs of five
    assert np.flatnonzero(vector[24:]).tolist() == cells.tolist()
    assert set(vector[vector > 0].tolist()) == {1.0}


def test_under_a_promise_items_are_stretched_to_their_norm_and_pairs_are_not(releases):
    vector = count_met(releases["user", 2], [1, 2]).dense()
    assert np.linalg.norm(vector[:24]) == pytest.approx(3**0.5)
    assert vector[24:].sum() == 1.0
