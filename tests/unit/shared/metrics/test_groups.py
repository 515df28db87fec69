"""Groups and the gap between them."""

import numpy as np
import pytest

from shared.metrics import by_terciles, quality_gap


def test_the_gap_is_between_the_best_and_the_worst_served_group():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.5, 0.1, 400), rng.normal(0.3, 0.1, 400), np.full(5, 9.0)])
    groups = np.array(["many"] * 400 + ["few"] * 400 + ["tiny"] * 5)
    found = quality_gap(values, groups)
    assert found.gap == pytest.approx(values[:400].mean() - values[400:800].mean())
    low, high = found.interval
    assert low < 0.2 < high
    assert high - low < 0.05
    assert found.means["tiny"] is None
    assert found.sizes == {"many": 400, "few": 400, "tiny": 5}


def test_one_group_has_no_gap():
    found = quality_gap(np.ones(30), np.array(["all"] * 30))
    assert (found.gap, found.interval) == (None, None)


def test_terciles_keep_equal_amounts_together():
    names = by_terciles(np.array([1.0, 1, 1, 2, 3, 9]), ("few", "some", "many"))
    assert names.tolist() == ["few", "few", "few", "some", "many", "many"]
