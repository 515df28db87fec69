"""The examples do what they say, as a newcomer would run them."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[4] / "simulations" / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_runs_and_prints_figures(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    figures = [float(word.rstrip(",")) for word in capsys.readouterr().out.split() if word.startswith(("0.", "1."))]
    assert len(figures) >= 2
    assert all(0 < figure <= 1 for figure in figures)
    assert list(tmp_path.iterdir()) == []
