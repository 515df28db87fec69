"""What commands share: progress where nobody looks at a terminal."""

import importlib

import pytest
from typer.testing import CliRunner

from shared.cli import _Lines, progress_bar


def test_progress_without_a_terminal_is_a_line_at_first_now_and_then_and_at_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    lines = _Lines("rounds", lambda: now)
    for done in range(61):
        lines(done, 60)
        now += 1.0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"rounds: {done} of 60" for done in range(0, 61, 10)]


def test_what_is_done_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("events") as progress:
        progress(1, 1)
    assert capsys.readouterr().err == ""


def test_a_bar_that_nobody_sees_is_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("texts encoded") as progress:
        progress(0, 2_000)
        progress(1, 2_000)
        progress(2_000, 2_000)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "texts encoded: 0 of 2,000\ntexts encoded: 2,000 of 2,000\n")


@pytest.mark.parametrize(
    ("module", "program", "typed", "offered"),
    [
        ("simulations.cli", "hushrec-simulate", "export", ["export", "export-release"]),
        ("simulations.cli", "hushrec-simulate", "run --priv", ["--privacy"]),
        ("simulations.cli", "hushrec-simulate", "run --privacy e", ["event"]),
        ("server.cli", "hushrec-server", "cata", ["catalogue"]),
        ("client.cli.commands", "hushrec-device", "recom", ["recommend"]),
    ],
)
def test_a_shell_is_told_what_may_follow(module: str, program: str, typed: str, offered: list[str]) -> None:
    """Asked as the script that `--install-completion` puts into bash asks."""
    words = f"{program} {typed}"
    asked = {
        f"_{program.replace('-', '_').upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    app = importlib.import_module(module).app
    answer = CliRunner().invoke(app, [], prog_name=program, env=asked)
    assert answer.stdout.split() == offered
