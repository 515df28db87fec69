"""The whole device as processes: they run, they are restarted, they stop, and nothing listens beyond loopback."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client.enrolment import enroll, prepare
from client.home import Home, create_home
from client.maintenance import run_device
from shared.bundle import bundle_hash
from shared.errors import Misconfigured, NotYet, StorageFailed
from shared.federation import read_federation, write_toml
from shared.processes import Part, Supervisor
from tests.support.gateways import Operator, serving
from tests.support.superlinks import SuperLink

TERMS = write_toml(read_federation(settings=["round.minimum_answers=60"]))
RUN = (
    "import sys; from pathlib import Path; from client.home import Home; from client.maintenance import run_device; "
    "run_device(Home(Path(sys.argv[1])))"
)


@pytest.fixture
def server(tmp_path):
    operator = Operator(TERMS)
    with serving(tmp_path / "gateway", operator) as gateway:
        yield gateway, operator, SuperLink(gateway, bundle_hash())


@pytest.fixture
def home(tmp_path, server):
    gateway, operator, _ = server
    home = create_home(tmp_path / "device", keyring=False, port=0)
    enroll(home, prepare(home, operator.invitation(gateway)))
    return home


@pytest.fixture
def running(home):
    process = subprocess.Popen([sys.executable, "-c", RUN, str(home.directory)], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def wait(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def pid(home, part):
    path = home.run / f"{part}.pid"
    return int(path.read_text()) if path.exists() and path.read_text() else None


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_device_that_has_joined_nothing_says_how_to(tmp_path):
    home = create_home(tmp_path / "device", keyring=False)
    with pytest.raises(Misconfigured, match="hushrec-device join"):
        run_device(home)


def test_a_port_that_is_taken_is_told_before_anything_starts(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = home.settings_path.read_text()
        home.settings_path.write_text(re.sub(r"(?m)^port = 0\b", f"port = {port}", text))
        ready = []
        with pytest.raises(NotYet, match=rf"127\.0\.0\.1:{port}: expected a free port .* another port in device\.toml"):
            run_device(Home.open(home.directory), lambda: ready.append(True))
        assert ready == []
        assert pid(home, "api") is None


def test_a_folder_that_takes_nothing_is_named_with_what_to_do(home, monkeypatch):
    really = os.open

    def read_only(path, flags, *more, **named):
        if flags & (os.O_CREAT | os.O_RDWR | os.O_WRONLY) and str(path).startswith(str(home.directory)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return really(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StorageFailed, match=r"up\.lock: .*Read-only file system.* let this user write"):
        run_device(home)
    with pytest.raises(StorageFailed, match=r"api\.pid: could not be written .Read-only file system"):
        Supervisor([Part("api", ("true",), home.directory)], home.run, home.logs).start()


def test_it_runs_mends_what_was_killed_and_leaves_nothing_behind(home, server, running):
    _, _, superlink = server
    wait(lambda: "pull-messages" in superlink.calls and home.api.exists())
    parts = {name: pid(home, name) for name in ("api", "executor")}
    assert all(map(alive, parts.values()))
    assert json.loads(home.api.read_text())["host"] == "127.0.0.1"

    second = subprocess.run(
        [sys.executable, "-c", RUN, str(home.directory)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "this device runs already" in second.stderr

    superlink.calls.clear()
    os.kill(parts["executor"], signal.SIGKILL)
    wait(lambda: "pull-messages" in superlink.calls and pid(home, "executor") != parts["executor"])
    assert "activate-node" in superlink.calls
    assert pid(home, "api") == parts["api"]

    last = pid(home, "executor")
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    wait(lambda: not alive(last) and not alive(parts["api"]), 60)
    assert superlink.calls[-1] == "deactivate-node"
    assert not home.api.exists()


def test_what_answers_the_server_ends_with_what_started_it(home, server, running):
    _, _, superlink = server
    wait(lambda: "pull-messages" in superlink.calls)
    executor, api = pid(home, "executor"), pid(home, "api")
    running.kill()
    running.wait()
    wait(lambda: not alive(executor) and not alive(api), 60)
