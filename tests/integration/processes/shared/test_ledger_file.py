"""The ledger's file has one writer, also across processes."""

import os
import subprocess
import sys

import pytest

from shared.errors import NotYet
from shared.privacy import LedgerBudget, LedgerFile, SummedGaussian

BUDGET = LedgerBudget(100.0, local_epsilon=100.0)


@pytest.fixture
def path(tmp_path):
    """A ledger of a charge."""
    path = tmp_path / "device" / "ledger"
    with LedgerFile(path, BUDGET) as ledger:
        ledger.charge(SummedGaussian("update", 0.25), round_number=1)
    return path


def test_a_second_process_waits(path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom shared.errors import NotYet\n"
        "from shared.privacy import LedgerBudget, LedgerFile\n"
        "try:\n    LedgerFile(Path(sys.argv[1]), LedgerBudget())\nexcept NotYet as error:\n    print(error)"
    )
    with LedgerFile(path, BUDGET):
        said = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert "another process has this ledger open" in said.stdout
        with pytest.raises(NotYet):
            LedgerFile(path, BUDGET)
    LedgerFile(path, BUDGET).close()
