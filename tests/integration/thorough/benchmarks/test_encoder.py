"""The encoder's benchmark compares what it times."""

import pytest

from simulations.benchmarks import BENCHMARKS
from simulations.report import Progress


def test_kept_activations_encode_as_encoding_from_scratch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulations.benchmarks.encoder._REPEATS", 1)  # what it takes is not looked at
    record = BENCHMARKS["encoder"].load()(Progress())
    assert record["texts"] == 64
    assert record["largest difference"] < 1e-5
    assert record["kept over scratch"] > 0
