"""The encoder's benchmark compares what it times."""

from simulations.benchmarks import BENCHMARKS
from simulations.report import Progress


def test_kept_activations_encode_as_encoding_from_scratch_does() -> None:
    record = BENCHMARKS["encoder"](Progress())
    assert record["texts"] == 64
    assert record["largest difference"] < 1e-5
    assert record["kept over scratch"] > 0
