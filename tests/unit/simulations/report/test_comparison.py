"""Several runs on one page: the frontier, what differs, and which is best."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Misconfigured
from simulations.report import CurvePoint, write_comparison, write_report
from simulations.report.comparison import frontier_points, render_comparison, run_names
from tests.support.sample import sample
from tests.unit.simulations.report.test_page import Page, described


def run(name, epsilon, value, interval, **changes):
    return replace(
        sample(
            metrics={"sampled": {"ndcg@10": value}, "full": {"ndcg@10": 0.1}},
            privacy={"user": {"epsilon": epsilon, "delta": 1e-6}, "event": None},
            intervals={"hushrec": {"sampled ndcg@10": interval}},
            **changes,
        ),
        out=Path("runs") / name,
    )


RUNS = [run("eight", 8.0, 0.4, [0.38, 0.42]), run("two", 2.0, 0.3, [0.28, 0.32]), run("open", None, 0.5, [0.48, 0.52])]


def test_the_frontier_has_a_dot_for_each_run_at_its_epsilon() -> None:
    assert frontier_points(RUNS, "sampled ndcg@10") == [(8.0, 0.4), (2.0, 0.3), (None, 0.5)]
    told = described(render_comparison(RUNS), "frontier")
    assert told == "eight at epsilon 8.00: 0.400, two at epsilon 2.00: 0.300, open at epsilon no promise: 0.500"
    assert 'id="frontier-title"' not in render_comparison([RUNS[0], RUNS[0]])
    assert 'id="frontier-title"' in render_comparison(RUNS[1:]), "one epsilon beside none"


def test_the_first_sentence_says_which_is_best_and_whether_that_is_sure() -> None:
    assert (
        "Of 3 runs “open” ranks best: nDCG@10 among 99 others 0.500 (0.480 to 0.520)."
        in Page(render_comparison(RUNS)).text
    )
    near = [RUNS[0], run("near", 8.0, 0.41, [0.39, 0.43])]
    assert "“near” has the best mean" in Page(render_comparison(near)).text
    assert "but its interval meets that of “eight”." in Page(render_comparison(near)).text


def test_settings_that_differ_are_listed_and_others_are_not() -> None:
    other = run("other", 8.0, 0.4, [0.38, 0.42], federation_toml='[training]\nrounds = 9\n[sum]\nmode = "secure"\n')
    shown = Page(render_comparison([RUNS[0], other])).shown
    at = shown.index("training.rounds")
    assert shown[at + 1 : at + 3] == ["3", "9"]
    assert "sum.mode" not in shown
    assert "kept of the quality without privacy" not in shown
    assert "All settings are the same." in Page(render_comparison(RUNS)).shown


def test_runs_of_other_people_are_told_apart() -> None:
    sentence = (
        "These runs are not of the same data and seed: their questions differ, and so does what a figure is worth."
    )
    assert sentence in Page(render_comparison([RUNS[0], run("b", 8.0, 0.4, [0.3, 0.5], seed=8)])).shown
    assert sentence not in Page(render_comparison(RUNS)).shown


def test_runs_are_named_so_that_no_two_are_alike() -> None:
    assert run_names([Path("a/run"), Path("b/run")]) == ["a/run", "b/run"]
    assert run_names([Path("x/1"), Path("y/2")]) == ["1", "2"]


def test_every_run_has_its_curve_with_a_colour_and_a_band() -> None:
    text = render_comparison(RUNS, "zh")
    curves = text[text.index('id="curves-title"') :]
    curves = curves[: curves.index("</svg>")]
    for colour in ("c0", "c1", "c2"):
        assert re.search(rf"fill: var\(--{colour}\); fill-opacity: 0.08", curves)
    assert '<html lang="zh-Hans">' in text


def test_runs_of_more_and_fewer_rounds_are_drawn_side_by_side() -> None:
    longer = [CurvePoint(0, {"sampled ndcg@10": 0.1}), CurvePoint(120, {"sampled ndcg@10": 0.2})]
    assert (
        "share of its rounds, %"
        in Page(render_comparison([RUNS[0], run("b", 8.0, 0.4, [0.3, 0.5], curve=longer)])).shown
    )
    assert "share of its rounds, %" not in Page(render_comparison(RUNS)).shown


def test_a_comparison_is_written_from_folders_and_no_folder_stands_twice(tmp_path: Path) -> None:
    folders = [write_report(result, tmp_path / str(number)).parent for number, result in enumerate(RUNS)]
    write_comparison(folders, tmp_path / "comparison.html")
    assert "3 runs compared" in (tmp_path / "comparison.html").read_text(encoding="utf-8")
    with pytest.raises(Misconfigured, match="expected different folders to compare"):
        write_comparison([folders[0], folders[0]], tmp_path / "twice.html")
    assert not (tmp_path / "twice.html").exists()
