"""The gateway in a process of its own: connections counted before TLS, open files, an end that keeps nobody waiting."""

import asyncio
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from client.gateway import GatewayClient
from server.gateway.serving import _HANDSHAKE_SECONDS, PatientLoop
from server.home import Home, Limits, ServerSettings, create_server
from shared.enrolment import MailAnswer
from simulations.deployment import free_port
from tests.support.asking_gateway import Person

HOST = "127.0.0.1"
OF_ONE_ADDRESS = 4
SOFT_FILES = 100
ROOT = Path(__file__).parents[4]


class Serving:
    """A server's gateway, with no SuperLink behind it."""

    def __init__(self, folder: Path) -> None:
        limits = Limits(connections_per_address=OF_ONE_ADDRESS)
        settings = ServerSettings(port=free_port(), superlink_port=free_port(), limits=limits)
        self.home: Home = create_server(folder / "server", settings)
        self.url, self.authority = settings.url, self.home.authority_path.read_text()
        limited = f"ulimit -S -n {SOFT_FILES}; exec {sys.executable} -m server.gateway {self.home.directory}"
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", limited], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
        )
        end = time.monotonic() + 60
        while not self.healthy():
            assert self.process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)

    def healthy(self) -> bool:
        """Whether one more connection is answered."""
        context = ssl.create_default_context(cadata=self.authority)
        try:
            with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
                return client.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False

    def silent(self) -> socket.socket:
        """A connection that says nothing, not even of TLS."""
        return socket.create_connection((HOST, self.home.settings.port), timeout=20)

    def member(self) -> Person:
        person = Person()
        with self.home.registry() as registry:
            now = time.time()
            request = person.request(registry.invite(now, 1))
            registry.join(request.code, request.device_key, request.node_key, now, 1, self.home.certify)
            registry.set_node(person.device, 7)
        return person


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    served = Serving(tmp_path)
    yield served
    served.process.kill()
    served.process.communicate()


def test_silent_connections_of_one_address_count_and_what_is_over_the_limit_is_cut_off(serving: Serving) -> None:
    silent = [serving.silent() for _ in range(3 * OF_ONE_ADDRESS)]
    end = time.monotonic() + 20
    while len(cut := select.select(silent, [], [], 0.05)[0]) < 2 * OF_ONE_ADDRESS:
        assert time.monotonic() < end
    assert all(ended(one) for one in cut)
    silent += [serving.silent() for _ in range(OF_ONE_ADDRESS)]  # one before may have counted till then
    assert not serving.healthy()
    for one in silent:
        one.close()
    end = time.monotonic() + 20
    while not serving.healthy():  # the gateway has to notice first
        assert time.monotonic() < end


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_as_many_files_may_be_open_as_the_system_lets_whatever_it_was_started_with(serving: Serving) -> None:
    (line,) = [
        line
        for line in Path(f"/proc/{serving.process.pid}/limits").read_text().splitlines()
        if line.startswith("Max open files")
    ]
    soft, hard = line.split()[3:5]
    assert soft == hard != str(SOFT_FILES)


def test_who_waits_when_it_ends_is_answered_and_keeps_it_from_nothing(serving: Serving) -> None:
    person = serving.member()

    def ask() -> MailAnswer:
        with GatewayClient(serving.url, serving.authority, person.identity) as client:
            return MailAnswer.decode(client.get("/v1/mail?within=200", MailAnswer.largest_bytes, 200))

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask) for _ in range(2)]
        done, waiting = wait(asked, 60, FIRST_COMPLETED)  # a node has one question: now the other one is held
        assert (len(done), len(waiting)) == (1, 1)
        serving.process.send_signal(signal.SIGTERM)
        assert not waiting.pop().result(60).mail
    assert serving.process.wait(60) in (0, -signal.SIGTERM)


def test_a_handshake_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def create_server(self, *args: object, **options: object) -> None:
        seen.append(options)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "create_server", create_server)
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        loop = runner.get_loop()
        runner.run(loop.create_server(asyncio.Protocol, HOST, 0, ssl=ssl.create_default_context()))
        runner.run(loop.create_server(asyncio.Protocol, HOST, 0))
    assert seen[0]["ssl_handshake_timeout"] == _HANDSHAKE_SECONDS
    assert "ssl_handshake_timeout" not in seen[1]
