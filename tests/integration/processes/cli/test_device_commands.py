"""`hushrec-device` beside a device that is up, or that left word it were."""

import json
import os
import socket
import threading

import pytest
from typer.testing import CliRunner

from client.cli import commands
from client.home import Home
from client.store import Store
from tests.support.fakes import RankingOfHome
from tests.support.served import served


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr("client.facade.device_facade.RankingClient", RankingOfHome)

    def invoke(*arguments, status=0, typed=None):
        result = CliRunner().invoke(commands.app, [str(argument) for argument in arguments], input=typed)
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def home(run, tmp_path):
    run("init", tmp_path / "device", "--no-keyring", "--port", 0)
    return Home.open(tmp_path / "device")


def last(result):
    return json.loads(result.stdout.splitlines()[-1])


def stored(home):
    with Store.open(home.store, home.keys.data_key(), read_only=True) as store:
        return store.rows()


def test_a_device_that_is_up_answers_for_itself(run, home):
    with served(home):
        written = run("log", home.directory, "--item", "kitchen-0", "--time-seconds", "5", "--json")
        assert last(written) == {"ids": [1], "new": 1, "unknown": []}
        assert "kitchen-1" in run("recommend", home.directory, "-n", 1, "--block", "war", "--context", "hour:08").stdout
        assert "rank 9" in run("explain", home.directory, "kitchen-1").stdout
        run("explain", home.directory, "no/such item", status=2)
        muted = last(run("interests", home.directory, "--mute", "kitchen", "--json"))
        assert [one["name"] for one in muted["concepts"] if one["muted"]] == ["kitchen"]
        run("interests", home.directory, "--mute", "nothing", status=2)
        assert last(run("privacy", home.directory, "--json"))["spent"]["user"] == 0.0
        assert len(last(run("export", home.directory))["events"]) == 1
        assert last(run("forget", home.directory, "--yes", "--json")) == {"deleted": 1}
    assert stored(home) == []


@pytest.mark.parametrize("pid", [pytest.param(os.getpid(), id="of another process"), 2**22 + 1, -1, "x", None])
def test_word_left_by_a_device_that_was_killed_misleads_nobody(run, home, pid):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        place = {"host": "127.0.0.1", "port": stranger.getsockname()[1], "pid": pid}
        heard: list[bytes] = []
        listening = threading.Thread(target=_listen, args=(stranger, heard))
        listening.start()
        home.api.write_text(json.dumps(place))
        assert last(run("log", home.directory, "--item", "kitchen-0", "--json")) == {
            "ids": [1],
            "new": 1,
            "unknown": [],
        }
        socket.create_connection(stranger.getsockname()).close()
        listening.join(30)
        assert not listening.is_alive()
    assert home.keys.token().encode() not in b"".join(heard)


def _listen(server, heard):
    """Note what the first connection says, and answer nothing."""
    connection, _ = server.accept()
    with connection:
        heard.append(connection.recv(65_536))
