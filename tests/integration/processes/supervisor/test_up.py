"""`hushrec-server up` with real processes on loopback: who gets in, and what each kill costs."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.backup import back_up, restore
from server.doctor import check_server
from server.flower import Control, flower_environment
from server.home import Home, ServerSettings, create_server
from server.instance_lock import is_up
from server.supervisor import read_status
from server.training.jobs import current_job, pending_job, read_progress, submit_job
from shared.enrolment import OfferRequest
from tests.support.asking_gateway import Person

HOST = "127.0.0.1"
RUNNING = (
    "import logging, sys; from pathlib import Path; from server.home import Home\n"
    "from server.supervisor import run_server\n"
    "logging.basicConfig(level=logging.INFO)\n"
    "run_server(Home.open(Path(sys.argv[1])), lambda: print('ready', flush=True))"
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def wait(done: Callable[[], Any], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Running:
    """A server that is up, and what a person on the network can do to it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.output = home.run / "up.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._nodes: list[subprocess.Popen[bytes]] = []
        self.trust = ssl.create_default_context(cafile=home.authority_path)
        self.client = httpx.Client(
            base_url=home.settings.url, verify=self.trust, trust_env=False, timeout=20, follow_redirects=False
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self._nodes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.client.close()

    def start(self) -> None:
        standin = str(Path(__file__).with_name("standin"))
        paths = os.pathsep.join([standin, *filter(None, [os.environ.get("PYTHONPATH")])])
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RUNNING, str(self.home.directory)],
                env={**os.environ, "PYTHONPATH": paths, "FLWR_TELEMETRY_ENABLED": "0"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        before = self.times_ready()
        process = self._process
        wait(lambda: self.times_ready() > before or process.poll() is not None, 90, "ready")
        assert process.poll() is None, self.logs()

    def times_ready(self) -> int:
        return self.output.read_text().splitlines().count("ready")

    def stop(self, wanted: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        os.kill(self._process.pid, wanted)
        return self._process.wait(30)

    def status(self) -> dict[str, Any]:
        return read_status(self.home) or {}

    def pid(self, part: str) -> int:
        found = next(each["pid"] for each in self.status()["parts"] if each["name"] == part)
        assert found is not None
        return int(found)

    def restarts(self, part: str) -> int:
        return int(next(each["restarts"] for each in self.status()["parts"] if each["name"] == part))

    def answers(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def join(self) -> Person:
        person = Person()
        with self.home.registry() as registry:
            code = registry.invite(time.time(), 1)
        answer = self.client.post("/v1/join", content=person.request(code).encode())
        assert answer.status_code == 200, self.logs()
        return person

    def start_node(self, key: ec.EllipticCurvePrivateKey) -> tuple["subprocess.Popen[bytes]", Path]:
        """A SuperNode that reaches the SuperLink through the gateway, and its log."""
        name = f"node-{len(self._nodes)}"
        private, log = self.home.run / name, self.home.run / f"{name}.log"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        with log.open("wb") as output:
            node = subprocess.Popen(
                [
                    "flower-supernode",
                    *("--superlink", f"{HOST}:{self.home.settings.port}"),
                    *("--root-certificates", str(self.home.authority_path)),
                    *("--auth-supernode-private-key", str(private)),
                    *("--isolation", "process", "--host", HOST, "--port", str(free_port())),
                ],
                env={**flower_environment(self.home), "FLWR_HOME": f"{private}-home", "FLWR_LOG_LEVEL": "INFO"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._nodes.append(node)
        return node, log

    def raw(self, content: bytes, seconds: float = 10) -> bytes:
        """What comes back for exactly these bytes over TLS, until the server closes or is silent."""
        received = b""
        with (
            socket.create_connection((HOST, self.home.settings.port), 10) as plain,
            self.trust.wrap_socket(plain, server_hostname=HOST) as stream,
        ):
            stream.sendall(content)
            stream.settimeout(seconds)
            with contextlib.suppress(TimeoutError, ssl.SSLError, ConnectionError):
                while piece := stream.recv(65_536):
                    received += piece
                    stream.settimeout(1)
        return received

    def logs(self) -> str:
        found = [self.output, *sorted(self.home.logs.glob("*.log"))]
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = create_server(
        tmp_path_factory.mktemp("up") / "server", ServerSettings(port=free_port(), superlink_port=free_port())
    )
    home.chain.write_bytes(b"")
    with Running(home) as server:
        yield server


def test_all_parts_run_and_flower_listens_on_loopback_alone(running: Running) -> None:
    parts = running.status()["parts"]
    assert [part["name"] for part in parts] == ["superlink", "superexec", "gateway"]
    assert all(lives(part["pid"]) for part in parts)
    assert is_up(running.home)
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, port = local.split(":")
            if state == "0A":
                listening.setdefault(int(port, 16), set()).add(address)
    assert listening[running.home.settings.superlink_port] == {"0100007F"}
    assert listening[running.home.settings.port] == {"0100007F"}
    for path in ("/health", "/ready"):
        answer = running.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_second_up_of_the_same_folder_is_refused(running: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-c", RUNNING, str(running.home.directory)], capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert "expected a server that is not up" in second.stderr
    assert running.answers()


def test_a_node_that_joined_connects_through_the_gateway_and_another_does_not(running: Running) -> None:
    person = running.join()
    _, log = running.start_node(person.node_key)
    _, strangers_log = running.start_node(ec.generate_private_key(ec.SECP384R1()))
    wait(lambda: "SuperNode ID" in log.read_text(), 60, "the node to connect")
    wait(
        lambda: "RunNotRunning" in strangers_log.read_text(), 60, "the stranger to be refused"
    )  # Flower's word for 403
    assert "SuperNode ID" not in strangers_log.read_text()
    with Control(running.home) as control, running.home.registry() as registry:
        row = registry.device(person.device)
        assert row is not None
        assert control.nodes() == {row.node_id}
        registry.revoke(person.device, time.time())
        assert running.client.post("/v1/fleet/pull-messages", headers=dict(person.fleet())).status_code == 403
        wait(lambda: control.nodes() == frozenset(), 20, "the revoked node to be unregistered")


def control_calls(home: Home) -> list[bytes]:
    """Requests by which a stranger would reach what is Flower's own."""
    line, inner = b"POST /v1/control/start-run HTTP/1.1\r\n", home.settings.superlink_port
    rest = b"Host: x\r\nContent-Type: application/protobuf\r\nContent-Length: 0\r\n\r\n"
    hidden = line + rest
    fleet = b"POST /v1/fleet/pull-messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/protobuf\r\n"
    targets = [
        b"/v1/control/start-run", b"//v1/control/start-run", b"/v1/fleet/../control/start-run",
        b"/v1/fleet/%2e%2e/control/start-run", b"/v1/fleet/..%2fcontrol/start-run", b"/v1/fleet/..;/control/start-run",
        b"/v1/fleet/pull-messages/../../control/start-run", b"/v1\\control\\start-run", b"/v1/%63ontrol/start-run",
        b"/v1/runtime/acquire-task", b"/v1/control/register-node", b"/v1/fleet/register-node",
        b"https://127.0.0.1:%d/v1/control/start-run" % inner, b"http://x/v1/control/start-run",
        b"x:@127.0.0.1/v1/control/start-run", b"/health?/../v1/control/start-run",
    ]  # fmt: skip
    return [
        *(b"POST " + target + b" HTTP/1.1\r\n" + rest for target in targets),
        b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % inner + hidden,
        fleet + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        fleet + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n" + hidden,
        fleet + b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden,
        fleet + b"Transfer-Encoding: xchunked\r\n\r\n" + hidden,
        fleet + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden,
        fleet + b"Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n" + hidden,
        fleet + b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        fleet + b"Content-Length: +0\r\n\r\n" + hidden,
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + hidden,
        b"GET /v1/control/stream-logs HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"POST /v1/control/start-run HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/control/start-run HTTP/0.9\r\n\r\n",
        b"\x00\x01\x02" * 100,
        b"GET " + b"/a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    ]


def test_no_trick_reaches_what_is_flowers_own(running: Running) -> None:
    with Control(running.home) as control:
        before = control.runs(), control.nodes()
        for content in control_calls(running.home):
            answer = running.raw(content, seconds=5)
            lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/")]
            allowed = (b" 400 ", b" 403 ", b" 404 ", b" 405 ", b" 415 ")
            fine = lines[1:] if content.startswith(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") else lines
            assert all(any(status in line for status in allowed) for line in fine), (content, answer)
            for word in (b"protobuf", b"code", b"run", b"Traceback", b"flwr", b"/v1", b"127.0.0.1"):
                assert word not in answer, (content, answer)
        assert (control.runs(), control.nodes()) == before
        member = running.join()
        smuggled = b"0\r\n\r\nPOST /v1/control/start-run HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        running.client.post("/v1/fleet/pull-messages", content=smuggled, headers=dict(member.fleet()))
        assert control.runs() == before[0]
    assert running.restarts("gateway") == 0
    assert running.restarts("superlink") == 0


def test_a_stranger_cannot_register_read_a_release_or_learn_who_is_enrolled(running: Running) -> None:
    member, stranger = running.join(), Person()
    assert running.client.post("/v1/join/offer", content=OfferRequest(code=bytes(16)).encode()).status_code == 403
    assert running.client.post("/v1/join", content=stranger.request(bytes(16)).encode()).status_code == 403
    for path in ("/v1/releases/chain", "/v1/revocations", f"/v1/releases/{'0' * 64}/manifest.json"):
        answers = [running.client.get(path, headers=[header]) for header in (
            stranger.signed("GET", path), member.signed("GET", "/v1/renew"), (b"authorization", b"nothing"),
        )]  # fmt: skip
        assert {answer.status_code for answer in answers} == {403}
        assert len({(answer.content, str(answer.headers)) for answer in answers}) == 1
    assert running.client.get("/v1/revocations", headers=[member.signed("GET", "/v1/revocations")]).status_code == 200


def test_whoever_sends_its_head_slowly_is_not_waited_for(running: Running) -> None:
    started = time.monotonic()
    running.raw(b"GET /health HT", seconds=120)
    assert 5 < time.monotonic() - started < 110  # the server closed, and not we


def test_a_killed_gateway_is_back_within_seconds(running: Running) -> None:
    killed, restarts = running.pid("gateway"), running.restarts("gateway")
    os.kill(killed, signal.SIGKILL)
    wait(lambda: running.restarts("gateway") == restarts + 1, 60, "the gateway to be started again")
    wait(running.answers, 30, "the gateway to answer")
    assert running.pid("gateway") != killed


def rounds_go_on(running: Running, seconds: float) -> None:
    before = read_progress(running.home).round
    wait(lambda: read_progress(running.home).round > before, seconds, "a further round")


def test_a_run_in_flight_outlives_the_superlink_and_is_replaced_when_its_serverapp_dies(running: Running) -> None:
    order = submit_job(running.home, 90)
    wait(lambda: running.status()["serverapp"], 60, "the ServerApp")
    rounds_go_on(running, 60)
    run = running.status()["run"]

    os.kill(running.pid("superlink"), signal.SIGKILL)
    wait(lambda: running.restarts("superlink") == 1, 60, "the SuperLink to be started again")
    rounds_go_on(running, 60)
    rounds_go_on(running, 30)
    assert running.status()["run"] == run

    done = read_progress(running.home).round
    os.kill(running.status()["serverapp"], signal.SIGKILL)
    wait(lambda: running.status()["run"] not in (run, None), 60, "the next run")
    wait(lambda: running.status()["serverapp"], 60, "the next ServerApp")
    rounds_go_on(running, 30)
    assert read_progress(running.home).round > done
    assert running.status()["runs"] == 2
    assert pending_job(running.home) == order


def test_stopping_ends_every_process_and_the_next_start_goes_on(running: Running) -> None:
    assert pending_job(running.home) is not None
    status = running.status()
    pids = [status["serverapp"], *(part["pid"] for part in status["parts"])]
    assert running.stop() == 0
    assert not any(lives(pid) for pid in pids if pid)
    assert not is_up(running.home)
    assert [part["pid"] for part in running.status()["parts"]] == [None] * 3
    done = read_progress(running.home).round

    running.start()
    wait(lambda: read_progress(running.home).round > done, 90, "a further round")


def test_a_killed_up_leaves_nothing_that_stands_in_the_way_of_the_next(running: Running) -> None:
    left = [part["pid"] for part in running.status()["parts"]]
    running.stop(signal.SIGKILL)
    wait(lambda: not any(lives(pid) for pid in left), 30, "its parts to end by themselves")
    running.start()
    order = current_job(running.home)
    assert order is not None
    short = {"until": read_progress(running.home).round + 3, "ordered_seconds": order.ordered_seconds + 1}
    (running.home.training / "order.json").write_text(json.dumps(short))
    wait(lambda: pending_job(running.home) is None, 120, "the order to be fulfilled")
    wait(lambda: running.status()["run"] is None, 60, "the report to say so")


def test_a_server_that_is_up_is_saved_and_comes_back_elsewhere(running: Running, tmp_path: Path) -> None:
    person = running.join()
    back_up(running.home, tmp_path / "saved.tar")
    restored, _, _ = restore(tmp_path / "saved.tar", tmp_path / "restored")
    assert check_server(restored.directory, replay=False) == []
    with restored.registry() as registry:
        assert registry.device(person.device) is not None
    assert read_progress(restored).round == read_progress(running.home).round


def test_a_node_that_flower_unregistered_keeps_no_run_from_starting_and_is_back_after_the_next_start(
    running: Running,
) -> None:
    person = running.join()
    with Control(running.home) as control, running.home.registry() as registry:

        def node() -> int:
            row = registry.device(person.device)
            assert row is not None
            assert row.node_id is not None
            return row.node_id

        control.unregister(node())  # as any account of this machine can
        running.stop()
        running.start()
        wait(lambda: running.status()["set_aside"], 60, "the device to be set aside")
        assert [one["device"] for one in running.status()["set_aside"]] == [person.device]
        submit_job(running.home, 1)
        wait(lambda: pending_job(running.home) is None, 120, "the order to be fulfilled")

        running.stop()
        running.start()
        wait(lambda: node() in control.nodes(), 60, "the node to be registered anew")
        assert running.status()["set_aside"] == []


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        home = create_server(
            tmp_path / "server", ServerSettings(port=taken.getsockname()[1], superlink_port=free_port())
        )
        answer = subprocess.run(
            [sys.executable, "-c", RUNNING, str(home.directory)], capture_output=True, text=True, check=False
        )
    assert answer.returncode != 0
    assert "choose another port in server.toml" in answer.stderr


def test_a_chain_that_was_torn_and_cannot_be_completed_keeps_the_server_from_starting(tmp_path: Path) -> None:
    home = create_server(tmp_path / "server", ServerSettings(port=free_port(), superlink_port=free_port()))
    home.chain.write_bytes(b'{"federation":"torn')
    answer = subprocess.run(
        [sys.executable, "-c", RUNNING, str(home.directory)], capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert "restore both files from one copy" in answer.stderr
    assert home.chain.read_bytes() == b'{"federation":"torn'
    assert not home.status.exists()
