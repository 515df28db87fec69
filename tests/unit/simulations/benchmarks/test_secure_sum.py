"""The benchmark of the private sum, small: it times what it says, and the sums it unmasks are right."""

import numpy as np
import pytest

from simulations.benchmarks import BENCHMARKS
from simulations.report import Progress


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COHORT": 40, "DROPPED": 4, "DIMENSION": 500, "SEMI_HONEST": (10, 6), "REPEATS": 1}.items():
        monkeypatch.setattr(f"simulations.benchmarks.secure_sum.{name}", value)


@pytest.mark.usefixtures("_small")
def test_both_sides_are_timed_and_the_upload_is_counted() -> None:
    record = BENCHMARKS["secure-sum"].load()(Progress())
    assert [row["who"] for row in record["rows"]] == [
        "server, equal graph",
        "server, own graph",
        "device, without noise",
        "device, with noise",
    ]
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in record["rows"])
    # four bytes a number and a signature, against eight bytes a number
    assert record["upload bytes, ours"] == 4 * 500 + 64
    assert record["upload bytes, ours over theirs"] == pytest.approx((4 * 500 + 64) / (8 * 500))
    for name in ("server ratio, own graph", "device ratio, without noise", "server over one pass of AES-CTR"):
        assert np.isfinite(record[name])
        assert record[name] > 0
