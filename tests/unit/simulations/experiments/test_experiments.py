"""Experiments: commands that parse, tables of one protocol each, data that is missing, and what RESULTS.md names."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from simulations.cli import app
from simulations.experiments import EXPERIMENTS, Command, markdown, measuring, published_figures, tables_by_protocol
from simulations.experiments.frontier import draw_frontier
from simulations.experiments.tables import PROTOCOLS, with_means

RESULTS = Path(__file__).parents[4] / "simulations" / "RESULTS.md"
COMMANDS = sorted({command.typed(): command for row in EXPERIMENTS.values() for command in row.commands}.items())
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_NAMED = re.compile(r"\*Re-made by\*\s`hushrec-simulate experiments ([\w -]+)`")
_UNNAMED = re.compile(r"\*No experiment re-makes this table\*: \w")


def tables_of_results() -> list[tuple[str, str]]:
    """Each table of RESULTS.md, and what stands between it and the heading or the table before it."""
    text = RESULTS.read_text(encoding="utf-8")
    found, ended = [], 0
    for match in _TABLE.finditer(text):
        found.append((text[ended : match.start()].rpartition("\n## ")[2], match[0]))
        ended = match.end()
    return found


def test_every_table_of_the_results_names_a_registered_experiment_or_says_why_there_is_none():
    assert len(tables_of_results()) > 20
    for before, table in tables_of_results():
        named = [name for names in _NAMED.findall(before) for name in names.split()]
        assert named or _UNNAMED.search(before), table.splitlines()[0]
        assert set(named) <= set(EXPERIMENTS), table.splitlines()[0]


def test_no_table_of_the_results_mixes_two_ways_of_asking():
    for _, table in tables_of_results():
        header = table.splitlines()[0].casefold()
        assert sum(way in header for way in ("sampled", "full ndcg", "impressions")) <= 1, header


def test_every_experiment_that_measures_is_spoken_of_in_the_results():
    text = RESULTS.read_text(encoding="utf-8")
    assert [name for name in EXPERIMENTS if not re.search(rf"\b{name}(?![\w-])", text)] == []


@pytest.mark.parametrize(("typed", "command"), COMMANDS, ids=[typed for typed, _ in COMMANDS])
def test_what_is_typed_is_what_the_command_line_reads(typed: str, command: Command):
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    verb, *words = command.arguments("/data")
    read = group.commands[verb].make_context(verb, words).params
    if command.data:
        assert read["data"] == command.data.replace(":", ":/data/", 1)
    assert read.get("seed", 0) == command.seed
    for option, value in command.options.items():
        got = read["settings" if option == "set" else option]
        assert (tuple(got) if isinstance(value, tuple) else got) == value
    assert not command.name or read["names"] == [command.name] or tuple(read["names"]) == (command.name,)


def test_rows_are_told_apart_by_protocol_and_keep_what_they_are_about():
    row = {"model": "x", "seed": 0, "sampled ndcg@10": 0.3, "gain": 0.1, "full ndcg@10": 0.2, "impressions auc": 0.6}
    assert tables_by_protocol([row]) == {
        "sampled": [{"model": "x", "seed": 0, "sampled ndcg@10": 0.3, "gain": 0.1}],
        "full": [{"model": "x", "seed": 0, "full ndcg@10": 0.2}],
        "impressions": [{"model": "x", "seed": 0, "impressions auc": 0.6}],
    }


def test_means_over_seeds_stand_below_the_seeds_and_only_where_there_are_several():
    rows = [{"model": model, "seed": seed, "sampled ndcg@10": 0.1 * seed} for seed in (1, 3) for model in ("a", "b")]
    means = with_means([*rows, {"model": "c", "seed": 1, "sampled ndcg@10": 0.5}])[5:]
    assert [(row["model"], row["seed"], row["sampled ndcg@10"]) for row in means] == [
        ("a", "mean", pytest.approx(0.2)),
        ("b", "mean", pytest.approx(0.2)),
    ]


def test_tables_are_written_as_those_of_the_results():
    assert markdown([{"model": "a|b", "gain": -0.0123}, {"model": "c"}]) == (
        "| model | gain |\n| --- | --- |\n| a\\|b | -.012 |\n| c | – |\n"
    )


def test_the_picture_is_drawn_of_seeds_and_not_of_their_mean():
    rows = [{"data": "demo", "seed": seed, "epsilon": epsilon, "sampled ndcg@10": 0.3}
            for seed in (0, "mean") for epsilon in ("none", "8")]  # fmt: skip
    assert draw_frontier(rows).startswith(b"\x89PNG")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every command finds one row; a place to write."""

    def run(self: Command, root: Path | None, progress: Any) -> dict[str, Any]:
        return {"data": "demo", "rows": [{"model": "x", "sampled ndcg@10": 0.25, "full ndcg@10": 0.1}],
                "privacy": {"user": {"epsilon": 8.0}}}  # fmt: skip

    monkeypatch.setattr(Command, "run", run)
    monkeypatch.delenv("HUSHREC_DATA", raising=False)
    return tmp_path


def test_a_folder_holds_tables_figures_command_commit_versions_and_machine(measured: Path):
    done = CliRunner().invoke(app, ["experiments", "promise-demo-2000", "--out", str(measured)])
    assert done.exit_code == 0, done.output
    record = json.loads((measured / "promise-demo-2000" / "result.json").read_text())
    assert [one["command"] for one in record["commands"]][1] == (
        "hushrec-simulate run --data 'demo?people=2000' --privacy user --aggregation ideal"
    )
    assert record["machine"]["cores"] >= 1
    assert record["packages"]["torch"]
    assert record["commit"] is None or re.fullmatch(r"[0-9a-f]{40}\+?", record["commit"])
    text = (measured / "promise-demo-2000" / "tables.md").read_text()
    assert "| demo?people=2000 | 0 | 8.000 | x | .250 |" in text
    assert all(way in text for way in (PROTOCOLS["sampled"], PROTOCOLS["full"]))


def test_what_needs_data_that_is_not_there_is_skipped_with_the_reason(measured: Path, monkeypatch: pytest.MonkeyPatch):
    done = CliRunner().invoke(app, ["experiments", "adapters", "interests", "--json", "--out", str(measured)])
    assert done.exit_code == 0
    said = json.loads(done.stdout.splitlines()[-1])
    assert list(said["experiments"]) == ["interests"]
    assert "HUSHREC_DATA: expected the folder that holds ml-100k" in said["skipped"]["adapters"]
    monkeypatch.setenv("HUSHREC_DATA", str(measured))
    done = CliRunner().invoke(app, ["experiments", "adapters", "--out", str(measured)])
    assert done.exit_code == 4
    assert f"expected ml-100k in {measured}, found none" in done.stderr


def test_the_list_says_what_each_measures_needs_and_takes():
    listed = CliRunner().invoke(app, ["experiments", "--list", "--json"])
    rows = {row["name"]: row for row in json.loads(listed.stdout)["experiments"]}
    assert list(rows) == list(EXPERIMENTS)
    assert rows["privacy-utility"]["seeds"] == 3
    assert rows["cold-start-games"]["needs"] == "amazon-games-2018"
    assert rows["privacy-utility"]["commands"][0].count("--epsilon") == 4


def test_outside_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch):
    gone = SimpleNamespace(returncode=128, stdout="")
    monkeypatch.setattr(measuring.subprocess, "run", lambda *words, **how: gone)
    assert measuring.commit() is None


def test_published_figures_have_a_source_and_say_whether_they_compare():
    assert {row.model for row in published_figures()} >= {"PFedRec", "FedNCF", "SASRec", "NRMS"}
    for row in published_figures():
        assert row.protocol in PROTOCOLS
        assert re.match(r"arXiv \d{4}\.\d{5}$|10\.\d{4,}/", row.identifier)
        assert all(0 < value < 1 for value in row.figures.values())
        assert row.comparable.partition(":")[0] in ("yes", "nearly", "no")
