"""There is one ServerApp at a time, and the moment it is gone everyone can tell."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.flower import serverapp_pid
from server.home import Home, create_server

HOLDING = (
    "import sys; from pathlib import Path; from server.home import Home; from server.flower import hold_serverapp\n"
    "hold_serverapp(Home.open(Path(sys.argv[1])))\n"
    "from server.logs import log_line; log_line('round', number=7); print('held', flush=True); input()"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


def holding(home: Home) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(home.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_killed_serverapp_is_noticed_at_once_and_the_next_waits_for_its_place(home: Home) -> None:
    assert serverapp_pid(home) is None
    first = holding(home)
    assert line(first) == b"held\n"
    assert serverapp_pid(home) == first.pid
    second = holding(home)
    time.sleep(0.5)
    assert serverapp_pid(home) == first.pid
    first.kill()
    assert line(second) == b"held\n"  # it gives up ten seconds after its start
    assert serverapp_pid(home) == second.pid
    second.communicate(b"\n")
    assert (home.logs / "serverapp.log").read_text().count("INFO round number=7") == 2
    assert serverapp_pid(home) is None
    first.wait()
