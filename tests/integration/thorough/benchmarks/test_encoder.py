"""The encoder's benchmark compares what it times."""

import pytest

from simulations.benchmarks import BENCHMARKS
from simulations.report import Progress


def test_a_device_encodes_as_a_server_does_and_another_precision_nearly_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulations.benchmarks.encoder._REPEATS", 1)  # what it takes is not looked at
    record = BENCHMARKS["encoder"].load()(Progress())
    assert record["texts"] == 64
    assert record["largest difference"] < 1e-5
    assert record["device over server"] > 0
    assert record["other precision"] in ("bfloat16 on cpu", "bfloat16 on cuda", "float32 on cuda", "float16 on mps")
    assert 0.98 <= record["nearest ten texts, share kept in it"] <= 1
