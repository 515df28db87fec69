"""Figures kept commit by commit, and the page that draws them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.errors import Corrupt, Misconfigured
from simulations.benchmarks import read_history
from simulations.cli import app


def keep(folder: Path, name: str, when: str, **figures: float) -> None:
    rows = [{"round": "d 5,000", "ms": 20.0, "ratio_to_floor": 0.5}]
    record = {"devices": 1000, "ratio_to_floor": None, "rows": rows, **figures}
    said = {"machine": {"when": when, "processor": "P"}, "benchmarks": {"round": record}}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text("noise\n" + json.dumps(said))


def test_ratios_are_read_in_the_order_of_their_runs(tmp_path: Path) -> None:
    keep(tmp_path, "b1", "2026-02-01T00:00:00+00:00", ratio_to_pfl=8.0)
    keep(tmp_path, "a2", "2026-03-01T00:00:00+00:00", ratio_to_pfl=9.0)
    before, after = read_history(tmp_path)
    assert (before.name, after.name) == ("b1", "a2")
    assert after.ratios == {"d 5,000, ratio_to_floor": 0.5, "round, ratio_to_pfl": 9.0}


def test_the_page_draws_every_ratio_of_every_run(tmp_path: Path) -> None:
    keep(tmp_path / "kept", "one", "2026-02-01T00:00:00+00:00", ratio_to_pfl=8.0)
    keep(tmp_path / "kept", "two", "2026-03-01T00:00:00+00:00")
    page = tmp_path / "page.html"
    answer = CliRunner().invoke(app, ["bench", "--page", str(page), "--history", str(tmp_path / "kept")])
    assert answer.exit_code == 0, answer.output
    drawn = page.read_text()
    assert drawn.count("<section") == drawn.count("<polyline") == 2
    assert "round, ratio_to_pfl" in drawn
    assert "<td>8</td><td>–</td>" in drawn
    assert '<th scope="col">one</th><th scope="col">two</th>' in drawn


def test_an_empty_folder_and_a_strange_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"--history .*: expected files that `bench --json` wrote, found none"):
        read_history(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(Corrupt, match=r"x.json: expected what `bench --json` printed"):
        read_history(tmp_path)
