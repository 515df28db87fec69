"""The quick experiments are measured again, and give what is kept beside the code and what RESULTS.md says."""

import json
import re
from pathlib import Path

import pytest

import simulations.experiments
from simulations.experiments import EXPERIMENTS, measure_experiment

KEPT = Path(simulations.experiments.__file__).parent / "kept"
RESULTS = KEPT.parents[1] / "RESULTS.md"
MEASURED = [name for name, row in EXPERIMENTS.items() if row.quick and row.commands]
TOLERANCE = 0.03  # another kind of processor moves figures of sixty people by so much


def test_figures_are_kept_of_every_quick_experiment():
    assert sorted(path.stem for path in KEPT.iterdir()) == sorted(MEASURED)


@pytest.mark.parametrize("name", MEASURED)
def test_a_quick_experiment_measured_again_gives_what_is_kept(name: str, tmp_path: Path):
    kept = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
    measured = measure_experiment(name, EXPERIMENTS[name], tmp_path)
    assert kept["commands"] == [command.typed() for command in EXPERIMENTS[name].commands]
    assert measured.tables.keys() == kept["tables"].keys()
    for way, rows in kept["tables"].items():
        assert [row.keys() for row in measured.tables[way]] == [row.keys() for row in rows]
        for now, before in zip(measured.tables[way], rows, strict=True):
            for column, value in before.items():
                if isinstance(value, float):
                    assert now[column] == pytest.approx(value, abs=TOLERANCE), (way, column)
    if name == "neighbours":
        told = re.search(r"\| English demo \| \*\*(\.\d\d)\*\*", RESULTS.read_text(encoding="utf-8"))
        assert told is not None
        assert float(told[1]) == pytest.approx(measured.tables["figures"][-1]["same categories"], abs=TOLERANCE)
