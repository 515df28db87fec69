"""The local API as a process: real sockets, the real store, and what is left when it is killed."""

import contextlib
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from client.home import Home, create_home
from client.store import Store
from tests.support.served import ROOT, served, start, wait


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "device", port=0, keyring=False)


def test_it_says_where_it_listens_while_it_does_and_ends_on_a_signal(home):
    with served(home) as device:
        place = json.loads(home.api.read_bytes())
        assert place == {"host": "127.0.0.1", "port": device.port, "pid": device.process.pid}
        assert stat.S_IMODE(home.api.stat().st_mode) == 0o600
        assert device.ask("GET", "/v1/health") == (200, {"ok": True})
        device.process.send_signal(signal.SIGTERM)
        assert device.process.wait(20) in (0, -signal.SIGTERM)
        assert not home.api.exists()


def test_events_muting_and_deletion_over_the_real_store(home):
    with served(home) as device:
        clicks = [{"kind": "click", "item": f"kitchen-{number}", "key": f"k{number}"} for number in range(2)]
        status, written = device.ask("POST", "/v1/events", {"events": clicks})
        assert status == 200
        assert device.ask("POST", "/v1/events", {"events": clicks}) == (200, {**written, "new": 0})

        def first():
            return device.ask("GET", "/v1/recommendations?n=1")[1]["recommendations"][0]["item"]

        assert first() == "kitchen-2"
        device.ask("POST", "/v1/interests/kitchen", {"action": "mute"})
        assert first() == "garden-0"
        device.ask("POST", "/v1/interests/kitchen", {"action": "clear"})
        assert first() == "kitchen-2"
        query = "&".join(f"ids={row}" for row in written["ids"])
        assert device.ask("DELETE", f"/v1/events?{query}") == (200, {"deleted": 2})
        assert first() == "garden-0"
        assert device.ask("GET", "/v1/export")[1]["events"] == []
        assert device.ask("GET", "/v1/privacy")[1]["spent"] == {"user": 0.0, "event": 0.0, "local": 0.0}


def test_a_second_process_finds_the_store_in_use(home):
    with served(home):
        second = start(Home.open(home.directory))
        assert second.wait(30) == 4
        assert b"another process" in second.stderr.read()


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(create_home(tmp_path / "device", port=port, keyring=False))
        assert process.wait(30) == 4
        assert f"127.0.0.1:{port}".encode() in process.stderr.read()


def test_it_listens_on_loopback_only(home):
    with served(home) as device:
        name = socket.gethostname()
        others = {info[4][0] for info in socket.getaddrinfo(name, None, socket.AF_INET)} - {"127.0.0.1"}
        for address in others:
            with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
                socket.create_connection((address, device.port), timeout=2).close()
        listening = subprocess.run(
            [sys.executable, "-c", f"import socket; socket.create_server(('127.0.0.2', {device.port}))"], check=False
        )
        assert listening.returncode == 0  # 0.0.0.0 would have taken that one too


def test_bytes_that_are_no_http_neither_stop_it_nor_are_they_quoted(home):
    rng = random.Random(5)
    with served(home) as device:
        head = f"GET /v1/interests HTTP/1.1\r\nHost: 127.0.0.1:{device.port}\r\n".encode()
        violet = [
            b"violet\r\n\r\n",
            head + b"violet\r\n\r\n",
            head + b"Content-Length: violet\r\n\r\n",
            head + b"Transfer-Encoding: violet\r\n\r\n",
            head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nviolet",
            head + b"X: " + b"violet" * 20_000,
            b"GET /violet HTTP/9.9\r\n\r\n",
            b"POST violet HTTP/1.1\r\n\r\n",
        ]
        for content in violet + [rng.randbytes(rng.randrange(1, 300)) + b"\r\n\r\n" for _ in range(100)]:
            with socket.create_connection(("127.0.0.1", device.port), timeout=10) as connection:
                answer = b""
                try:
                    connection.sendall(content)
                    connection.shutdown(socket.SHUT_WR)
                    while part := connection.recv(65_536):
                        answer += part
                except ConnectionError:
                    pass
            assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
            assert b"violet" not in answer.lower()
        assert device.ask("GET", "/v1/health") == (200, {"ok": True})


def test_connections_that_send_half_a_head_do_not_shut_the_host_app_out(home):
    with served(home, "tests.support.served", "0.3") as device:
        half = [socket.create_connection(("127.0.0.1", device.port), timeout=20) for _ in range(80)]
        for connection in half:
            connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost:")
        for connection in half:
            with connection, contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # or it waits for ever
        assert device.ask("GET", "/v1/health") == (200, {"ok": True})


def test_killed_while_it_writes_it_loses_no_acknowledged_event_and_doubles_none(home):
    rng = random.Random(11)
    acknowledged: dict[str, int] = {}
    for life in range(5):
        device = wait(home, start(home))
        ended = threading.Event()

        def write(client, life=life, device=device, ended=ended):
            for number in range(10_000):
                keys = [f"{life}.{client}.{number}.{place}" for place in range(3)]
                events = [{"kind": "click", "item": key, "key": key, "time_seconds": 1} for key in keys]
                try:
                    status, answer = device.ask("POST", "/v1/events", {"events": events})
                except (OSError, ValueError):
                    return
                if status == 200:
                    acknowledged.update(zip(keys, answer["ids"], strict=True))
                if ended.is_set():
                    return

        writers = [threading.Thread(target=write, args=(client,)) for client in ("one", "two")]
        for writer in writers:
            writer.start()
        enough, until = len(acknowledged) + rng.randrange(1, 40), time.monotonic() + 20
        while len(acknowledged) < enough and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.01))
        os.kill(device.process.pid, signal.SIGKILL)
        ended.set()
        for writer in writers:
            writer.join(30)
        device.process.wait(20)
        with Store.open(home.store, home.keys.data_key()) as store:
            kept = [(event.item, row) for row, event in store.rows()]
        assert len({item for item, _ in kept}) == len(kept)
        assert acknowledged.items() <= dict(kept).items()
    assert len(acknowledged) > 5 * 3


def test_serving_brings_in_no_model_and_no_training():
    script = (
        "import sys, client.http_api, client.http_api.__main__, client.cli, client.facade\n"
        "print([name for name in ('torch', 'flwr', 'opacus', 'peft', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
