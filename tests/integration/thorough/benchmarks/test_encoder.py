"""The encoder's benchmark compares what it times."""

import pytest

from simulations.benchmarks import BENCHMARKS
from simulations.report import Progress


def test_other_ways_of_encoding_give_what_encoding_from_scratch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulations.benchmarks.encoder._REPEATS", 1)  # what it takes is not looked at
    record = BENCHMARKS["encoder"].load()(Progress())
    assert record["texts"] == 64
    assert record["largest difference"] < 1e-5
    assert record["kept over scratch"] > 0
    assert record["other precision"] in ("bfloat16 on cpu", "bfloat16 on cuda", "float32 on cuda", "float16 on mps")
    assert 0.98 <= record["nearest ten texts, share kept in it"] <= 1
