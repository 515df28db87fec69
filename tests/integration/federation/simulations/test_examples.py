"""The examples do what they say, as a newcomer would run them."""

import ast
import json
import runpy
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shared.release.release import Release

EXAMPLES = Path(__file__).parents[4] / "simulations" / "examples"
PRINT_FIGURES = ("own_baseline.py", "own_data.py")
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
ELSEWHERE = {"host_app.py"}  # it needs a device that is up: tests/integration/processes/http_api


@pytest.mark.parametrize("name", PRINT_FIGURES)
def test_an_example_runs_and_prints_figures(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    figures = [float(word.rstrip(",")) for word in capsys.readouterr().out.split() if word.startswith(("0.", "1."))]
    assert len(figures) >= 2
    assert all(0 < figure <= 1 for figure in figures)
    assert list(tmp_path.iterdir()) == []


def test_ten_statements_lead_a_federation_to_a_release_that_every_device_moved(tmp_path, capsys):
    path = EXAMPLES / "federation_in_ten_lines.py"
    example = runpy.run_path(str(path))
    release = example["federate"](example["few_people"](), tmp_path)
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"round {number}: 8 devices" for number in (1, 2, 3)
    ]
    (start,) = (tmp_path / "releases").iterdir()
    assert release.round_number == 3
    assert (release.vector != Release.load(start).vector).any()
    release.save(tmp_path / "trained")
    assert Release.load(tmp_path / "trained").digest() == release.digest()
    body = next(node.body for node in ast.parse(path.read_text()).body if getattr(node, "name", "") == "federate")
    assert len(body) <= 1 + 10  # its docstring


def run_notebook(path: Path, **parameters: Any) -> dict[str, Any]:
    """Run the code cells of a notebook in order, other settings in place of those in the cell tagged "parameters".

    Returns:
        The names that the cells left.
    """
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        exec(compile("".join(cell["source"]), f"{path.name}, cell {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert parameters.keys() <= names.keys()  # nothing is set that is no setting
            names |= parameters
    return names


def test_the_quickstart_trains_shows_its_curve_and_recommends(world, federation, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the notebook's own settings make a folder
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "run"
    names = run_notebook(
        EXAMPLES / "quickstart.ipynb",
        data=f"events:{world}",
        federation=federation,
        rounds=2,
        out=out,
        words="a rose for the garden",
    )
    result, lines = names["result"], capsys.readouterr().out.splitlines()
    assert (result.out, result.users, result.rounds) == (out, 24, 2)
    assert {line.split()[0] for line in lines} >= {"hushrec", "untrained", "popularity", "learnt", "epsilon"}
    (curve,) = names["axes"].lines
    drawn = {point.round: point.metrics["sampled ndcg@10"] for point in names["points"]}
    assert list(drawn) == [0, 1, 2]
    assert dict(zip(*curve.get_data(), strict=True)) == drawn
    titles = {item.title for item in names["recommender"].catalogue}
    assert len(names["offers"]) == 5
    assert {line.partition(":")[0] for line in lines[-5:]} <= titles
    names["plt"].close(names["figure"])
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("hushrec-")}
    assert left == {"run", "cache", "federation.toml"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_one_of_format_4_without_outputs(name):
    notebook = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | code
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert sum("parameters" in cell["metadata"].get("tags", ()) for cell in cells) == 1


def test_every_example_is_run_by_a_test_and_named_in_the_readme():
    there = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    assert there == {*PRINT_FIGURES, "federation_in_ten_lines.py", "quickstart.ipynb"} | ELSEWHERE
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert sorted(name for name in there if f"](examples/{name})" not in readme) == []
