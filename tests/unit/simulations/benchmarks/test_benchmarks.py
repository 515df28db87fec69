"""Benchmarks: timed in turn, and each says what it measured. No test looks at how long anything took."""

import pytest
import torch

from simulations.accelerator import CPU
from simulations.benchmarks import BENCHMARKS
from simulations.benchmarks.registry import Benchmark
from simulations.benchmarks.round import accelerator_figures
from simulations.benchmarks.timing import median_milliseconds, slope_on_log_axes
from simulations.report import Progress


def test_variants_are_run_in_turn_after_one_untimed_call_each() -> None:
    calls: list[str] = []
    taken = median_milliseconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert taken.keys() == {"a", "b"}
    assert all(milliseconds >= 0 for milliseconds in taken.values())


def test_a_slope_is_the_power_that_time_grows_with() -> None:
    sizes = [10, 100, 1000]
    assert slope_on_log_axes(sizes, [7.0 * size**2 for size in sizes]) == pytest.approx(2.0)


def test_every_benchmark_is_where_the_registry_says_and_says_what_it_measures() -> None:
    for row in BENCHMARKS.values():
        assert row.summary
        assert (row.load().__doc__ or "").splitlines()[0].endswith(".")


def test_how_many_devices_there_are_is_told_to_a_benchmark_that_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, int]] = []
    monkeypatch.setattr(Benchmark, "load", lambda _: lambda progress, **sizes: told.append(sizes) or {})
    for takes in (False, True):
        for devices in (None, 7):
            Benchmark("m", "f", "s", takes).measure(Progress(), devices)
    assert told == [{}, {}, {}, {"devices": 7}]


def test_the_grid_is_measured_copied_and_serialised() -> None:
    record = BENCHMARKS["grid"].load()(Progress())
    assert [row["fidelity"] for row in record["rows"]] == ["copy", "wire"]
    assert all(row["milliseconds per client"] > 0 for row in record["rows"])


def test_a_round_says_which_accelerator_was_found_and_what_it_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    wall = {"this engine": 3.0, "this engine on cuda": 2.0}
    assert accelerator_figures(torch.device("cuda"), wall) == {
        "accelerator": "Some GPU",
        "speed-up of accelerator": 1.5,
    }
    assert accelerator_figures(CPU, {"this engine": 3.0}) == {
        "accelerator": "none found",
        "speed-up of accelerator": None,
    }
