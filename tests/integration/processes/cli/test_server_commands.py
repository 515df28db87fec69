"""`hushrec-server` when nobody reads what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.home import Home, create_server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


def test_nobody_reading_on_is_no_fault_of_ours(home):
    reading, writing = os.pipe()
    os.close(reading)
    program = ["-W", "ignore", "-c", "from server.cli import main; main()", "status", str(home.directory), "--json"]
    done = subprocess.run([sys.executable, *program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
