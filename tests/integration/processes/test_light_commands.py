"""Commands that compute nothing load nothing that takes seconds."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "flwr", "opacus", "ray", "sklearn")
_SAID = """
import sys
from simulations.cli import app
try:
    app(prog_name="hushrec-simulate")
except SystemExit as stop:
    print("status", stop.code, *(name for name in {heavy} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("plan --population 50000 --clients-per-round 1000 --rounds 48", 0),
        ("run --data events:/nowhere", 2),
        ("run --data demo?people=3", 2),
        ("compare baselines --data netflix", 2),
        ("report /nowhere", 2),
        ("bench --list", 0),
        ("audit --list", 0),
        ("compare --list", 0),
    ],
)
def test_a_command_that_computes_nothing_loads_nothing_heavy(line: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SAID.format(heavy=HEAVY), *line.split()], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].split() == ["status", str(status)]
