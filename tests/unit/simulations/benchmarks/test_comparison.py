"""Figures beside those of an earlier run."""

import json
from pathlib import Path

import pytest

from shared.errors import Corrupt, Misconfigured
from simulations.benchmarks import beside, read_earlier
from simulations.machine import machine_facts

BEFORE = {"devices": 100, "rows": [{"path": "ours", "ms": 4.0}, {"path": "theirs", "ms": 8.0}], "ratio": 2.0, "of": "x"}


def test_each_number_that_both_have_stands_beside_the_other() -> None:
    now = {
        "devices": 100,
        "rows": [{"path": "theirs", "ms": 8.0}, {"path": "ours", "ms": 1.0}],
        "ratio": None,
        "new": 3,
    }
    assert beside(now, BEFORE) == [
        {"figure": "devices", "now": 100.0, "before": 100.0, "now / before": 1.0},
        {"figure": "theirs, ms", "now": 8.0, "before": 8.0, "now / before": 1.0},
        {"figure": "ours, ms", "now": 1.0, "before": 4.0, "now / before": 0.25},
    ]


def test_what_bench_printed_is_read_back_whatever_stands_before_it(tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    kept.write_text("round ...\n" + json.dumps({"machine": {}, "benchmarks": {"round": BEFORE}}) + "\n")
    assert read_earlier(kept) == {"round": BEFORE}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"benchmarks": {"round": 3}}', '{"benchmarks": []}', "no"])
def test_another_file_is_told(tmp_path: Path, content: str) -> None:
    other = tmp_path / "other.json"
    other.write_text(content)
    with pytest.raises(Corrupt, match=r"other.json: expected \{\"benchmarks\".*write it with `bench --json`"):
        read_earlier(other)
    with pytest.raises(Misconfigured, match=r"--against .*absent.json: expected a file that `bench --json` wrote"):
        read_earlier(tmp_path / "absent.json")


def test_the_machine_is_named() -> None:
    facts = machine_facts()
    assert facts["cores"] >= 1
    assert facts["torch"].startswith("2.")
    assert facts["processor"]
