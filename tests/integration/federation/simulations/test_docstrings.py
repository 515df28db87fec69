"""The examples in the docstrings that run a whole federation."""

from pathlib import Path

import pytest

from simulations import RunResult, load, simulate
from tests.support.docstrings import run_examples


@pytest.mark.parametrize("documented", [simulate, RunResult])
def test_the_example_of_a_simulation_runs(documented: object, world: Path, federation: Path) -> None:
    given = {"data": load(f"events:{world}"), "file": federation, "simulate": simulate}
    assert run_examples(documented, given)  # type: ignore[arg-type]
