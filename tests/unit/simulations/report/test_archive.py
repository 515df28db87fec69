"""The folder of a run: complete, read back as it was, and whole or not at all."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Corrupt, Misconfigured
from simulations.report import WRITTEN, read_result, redraw, write_report
from tests.support.sample import sample


def test_every_promised_file_is_written(tmp_path: Path) -> None:
    page = write_report(sample(), tmp_path / "run")
    assert page == tmp_path / "run" / "report.html"
    assert {path.name for path in page.parent.iterdir()} == set(WRITTEN)
    assert json.loads((page.parent / "metrics.json").read_text()) == json.loads(sample().to_json())
    assert (page.parent / "federation.toml").read_text() == sample().federation_toml
    rows = list(csv.reader((page.parent / "rounds.csv").open()))
    assert rows[0][:6] == ["number", "task", "groups", "selected", "answered", "not_yet"]
    assert rows[1][:6] == ["1", "update", "dense", "100", "90", "0"]


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_report(sample(), tmp_path)
    again = read_result(tmp_path)
    assert again.to_json() == sample().to_json()
    assert again.out == tmp_path
    for name in (
        "curve",
        "cold_start_curve",
        "rounds_table",
        "load_losses",
        "examples",
        "federation_toml",
        "notes",
        "intervals",
        "kept",
        "rules",
        "answers",
        "concept_map",
        "journey",
        "fairness",
        "versions",
        "language",
    ):
        assert getattr(again, name) == getattr(sample(), name)


@pytest.mark.parametrize("impressions", [None, {"auc": 0.68, "mrr": 0.3, "ndcg@5": 0.4, "ndcg@10": 0.43}])
def test_a_report_drawn_again_is_the_same_byte_for_byte(tmp_path: Path, impressions: dict[str, float] | None) -> None:
    result = replace(sample(impressions=impressions), out=tmp_path)
    first = write_report(result, tmp_path).read_bytes()
    (tmp_path / "report.html").unlink()
    assert redraw(tmp_path).read_bytes() == first


def test_a_run_without_rounds_is_read_back(tmp_path: Path) -> None:
    write_report(sample(rounds_table=[], curve=[], examples=[]), tmp_path)
    assert read_result(tmp_path).rounds_table == []


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"metrics\.json: expected a file of a finished run"):
        redraw(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", b'{"data": "demo"'),
        ("metrics.json", b"[]"),
        ("metrics.json", b'{"data": "demo"}'),
        ("details.json", b"\xff\xfe"),
        ("details.json", b'{"curve": [3]}'),
        ("details.json", b'{"curve": [], "load_losses": [], "notes": []}'),
    ],
)
def test_a_broken_file_is_named_and_the_report_stays_as_it_was(tmp_path: Path, name: str, content: bytes) -> None:
    write_report(sample(), tmp_path)
    before = (tmp_path / "report.html").read_bytes()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Corrupt, match=name):
        redraw(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before


def test_a_result_that_cannot_be_drawn_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises((TypeError, AttributeError)):
        write_report(sample(curve=[object()]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.write_text("a file where the folder should be")
    with pytest.raises(Misconfigured, match="could not be written"):
        write_report(sample(), tmp_path)


AUDITS = '{"audits": {"membership": {"pass": true, "control_caught": true, "statistic": 0.1, "bar": 0.2, "interval": [0.0, 0.15], "sentence": "Held.", "seconds": 3.0}}}'  # fmt: skip  # noqa: E501


def test_audits_that_lie_in_the_folder_are_shown(tmp_path: Path) -> None:
    write_report(sample(), tmp_path)
    (tmp_path / "audits.json").write_text(f"progress\n{AUDITS}\n")
    assert "Held." in redraw(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "{}", '{"audits": {"membership": {"pass": true}}}', '{"audits": []}'])
def test_something_else_than_audits_is_refused(tmp_path: Path, content: str) -> None:
    write_report(sample(), tmp_path)
    (tmp_path / "audits.json").write_text(content)
    with pytest.raises(Corrupt, match=r"audits.json: expected .*write it with `audit --json`, or remove it"):
        redraw(tmp_path)


def test_a_report_is_drawn_again_in_another_language(tmp_path: Path) -> None:
    write_report(sample(language="zh"), tmp_path)
    assert 'lang="zh-Hans"' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'lang="en"' in redraw(tmp_path, "en").read_text(encoding="utf-8")
    assert 'lang="zh-Hans"' in redraw(tmp_path).read_text(encoding="utf-8")
