"""Tables, words and progress in the terminal."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from simulations.report import Progress, print_record, print_result
from simulations.report.formatting import cell, epsilon, format_spent, milliseconds, privacy_in_short, size
from simulations.report.language import Words
from tests.support.sample import sample

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "yes"),
        (12345, "12,345"),
        (0.4197, "0.420"),
        (0.0, "0.000"),
        (1e-5, "1.0e-05"),
        (1234.5, "1,234"),
    ],
)
def test_a_figure_is_put_as(value: float | None, shown: str) -> None:
    assert cell(value) == shown


def test_sizes_times_and_losses_have_units() -> None:
    assert [size(999), size(240_000), size(3_200_000), size(None)] == ["999 bytes", "240.0 kB", "3.2 MB", "–"]
    assert [format_spent(95.53), format_spent(150), format_spent(None)] == ["95.5 s", "2 min 30 s", "–"]
    assert [milliseconds(2.345), milliseconds(21.3), milliseconds(None)] == ["2.35 ms", "21 ms", "–"]
    assert [epsilon(3.141), epsilon(1.1), epsilon(8.0)] == ["3.15", "1.10", "8.00"]
    assert privacy_in_short({"epsilon": None, "delta": None}, Words("en")) == "no promise"


def test_the_result_is_printed_with_its_baselines_cost_and_report() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_result(sample(accelerator="cuda"), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "popularity" in shown
    assert "privacy, event level: epsilon 3.15 at delta 1e-05" in shown
    assert "privacy, user level: no promise" in shown
    assert "cost: 95.5 s in all on cuda, 21 ms and 240.0 kB sent per device and round" in shown
    assert "runs/demo-1/report.html" in shown
    assert "alert" not in shown, "no text of a person"


def test_the_result_of_a_chinese_run_is_printed_in_chinese() -> None:
    console = Console(file=io.StringIO(), width=250)
    print_result(replace(sample(accelerator="cuda"), language="zh"), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "热门程度",
        "对 99 个 ndcg@10",
        "隐私（事件级）：epsilon 3.15",
        "隐私（用户级）：没有承诺",
        "共 95.5 s",
        "报告：",
    ):
        assert words in shown
    for words in ("privacy", "sampled", "popularity", "cost", "device"):
        assert words not in shown.replace("runs/demo-1", "")


def test_every_stage_of_a_run_has_a_name_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    places = [
        *ROOT.glob("simulations/engine/*.py"),
        ROOT / "simulations" / "run.py",
        ROOT / "simulations" / "measuring.py",
    ]
    names = {name for place in places for name in re.findall(r'\.stage\("([^"]+)"', place.read_text(encoding="utf-8"))}
    assert len(names) > 7
    words = Words("zh")
    assert {name for name in names if words.named("stage", name) == name} == set()
    with Progress.on_terminal("zh") as progress, progress.stage("loading"):
        pass
    assert re.fullmatch(r"读取数据 \.\.\.\n读取数据：完成，用时 [0-9.]+ 秒\n", capsys.readouterr().err)


def test_a_record_is_printed_with_its_rows_and_its_other_figures_and_no_markup() -> None:
    console = Console(file=io.StringIO(), width=120)
    print_record("adapters", {"rows": [{"arm": "[red]heads", "ndcg@10": 0.5}], "seconds": 2.0}, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]heads" in shown
    assert "0.500" in shown
    assert "seconds" in shown


def test_progress_by_itself_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress, progress.stage("training rounds", total=2) as stage:
        stage.advance(detail="ndcg@10 0.4")
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_stages_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress.on_terminal() as progress, progress.stage("training rounds", total=2) as stage:
        stage.advance(detail="ndcg@10 0.4")
    assert capsys.readouterr().out == ""
    with Progress.on_terminal() as progress, progress.stage("loading"):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "loading ..."
    assert lines[1].startswith("loading: done in ")


def test_a_long_stage_is_heard_of_every_ten_seconds() -> None:
    now, written = [0.0], []
    progress = Progress(write=written.append, clock=lambda: now[0])
    with progress.stage("training rounds", total=100) as stage:
        for _ in range(100):
            now[0] += 0.5
            stage.advance(detail="ndcg@10 0.4")
    assert written[0] == "training rounds ..."
    assert written[1] == "training rounds: 20 of 100 ndcg@10 0.4"
    assert len(written) == 2 + 5
    assert written[-1] == "training rounds: done in 50.0 s ndcg@10 0.4"


def test_progress_shows_the_stage_and_the_metric_as_it_moves() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Progress(console) as progress:
        with progress.stage("loading"):
            pass
        with progress.stage("training rounds", total=2) as stage:
            stage.advance(detail="ndcg@10 0.4[x]")
            stage.advance()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "loading" in shown
    assert "2/2" in shown
    assert "ndcg@10 0.4[x]" in shown
