"""`hushrec-server up`: runs all parts of a server until it is told to stop, and says how they are."""

import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from server.flower import HOST, Control, flower_environment, forget_database, superlink_address
from server.health import Health
from server.home import Home
from server.instance_lock import instance_lock
from server.logs import log_line
from server.releases import Releases
from server.status_file import devices_set_aside
from server.supervisor.run_controller import RunController, RunState
from shared.errors import Misconfigured, StorageFailed
from shared.files import write_atomically
from shared.processes import STEP_SECONDS, Part, PartStatus, Supervisor

SUPERLINK, SUPEREXEC, GATEWAY = "superlink", "superexec", "gateway"


def server_parts(home: Home) -> tuple[Part, ...]:
    """What has to run, in the order of starting."""
    environment = flower_environment(home)
    secret = ("--superexec-auth-secret-file", str(home.superexec_secret_path))
    superlink = (
        *(sys.executable, "-m", "server.flower.superlink"),
        *("--host", HOST, "--port", str(home.settings.superlink_port)),
        *("--ssl-ca-certfile", str(home.authority_path)),
        *("--ssl-certfile", str(home.server_certificate_path)),
        *("--ssl-keyfile", str(home.server_key_path)),
        *("--database", str(home.superlink_database)),
        *("--isolation", "process", *secret),  # else whoever reaches the port is handed the ServerApp
        "--enable-supernode-auth",
        "--disable-runtime-dependency-installation",
    )
    superexec = (
        *(sys.executable, "-m", "server.flower.superexec"),
        *("--runtime-api-address", superlink_address(home)),
        *("--root-certificates", str(home.authority_path)),
        *secret,
    )
    gateway = (sys.executable, "-m", "server.gateway", str(home.directory))
    return (
        Part(SUPERLINK, superlink, home.flower, environment),
        Part(SUPEREXEC, superexec, home.flower, environment),
        Part(GATEWAY, gateway, home.flower, environment),
    )


_STARTING_SECONDS = 120.0
_ATTEMPTS = 4
_ASK_SECONDS = 0.3
_ENDING_SECONDS = 3.0


def run_server(home: Home, ready: Callable[[], None] = lambda: None, stop: threading.Event | None = None) -> None:
    """Run the server until SIGTERM, SIGINT or `stop`; then every part has ended.

    Args:
        home: folder of the server.
        ready: called once, when devices can reach the gateway and the gateway Flower.
        stop: ends the server when it is set; left out, only signals do.

    Raises:
        NotYet: it is up already.
        Misconfigured: a port is taken, a key or certificate is missing, or a part cannot start; names the fix.
        Corrupt: a file is not what it claims to be.
    """
    stop = stop or threading.Event()
    home.federation()
    Releases(home)  # completes a chain whose last line was torn, or says why it cannot
    with instance_lock(home), Control(home) as control, home.registry() as registry, _told_to(stop):
        watch = Supervisor(server_parts(home), home.run / "parts", home.logs)
        watch.clear()
        for name, host, port in (
            ("port", home.settings.host, home.settings.port),
            ("superlink_port", HOST, home.settings.superlink_port),
        ):
            _check_free(name, host, port)
        if devices_set_aside(home):
            log_line("flower-anew", why="it does not take the nodes of some devices any more")
            forget_database(home)
        home.revocation_list(registry).current()  # revokes again what a restored registry has forgotten
        conductor = RunController(home, control, registry)
        conducting = threading.Thread(target=conductor.run, args=(stop,), name="conductor", daemon=True)
        with watch:
            report = _Report(home)
            report.write(watch.status(), conductor.state)
            if not _wait_until_ready(home, watch, stop):
                return
            ready()
            conducting.start()
            try:
                watch.run_forever(stop, lambda: report.write(watch.status(), conductor.state))
            finally:
                stop.set()
                conducting.join(_ENDING_SECONDS)
                control.close()  # the SuperLink waits for whoever is connected
        report.write(watch.status(), RunState(set_aside=conductor.state.set_aside))


class _Report:
    """run/status.json, written when something has changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._since_seconds = time.time()
        self._written: object = None
        self._failed = False

    def write(self, parts: list[PartStatus], state: RunState) -> None:
        """Say how it is; what cannot be said now, as the disk is full, is said later: nothing ends for it."""
        if (parts, state) == self._written:
            return
        content = {
            "pid": os.getpid(),
            "url": self._home.settings.url,
            "since_seconds": self._since_seconds,
            "parts": [dataclasses.asdict(part) for part in parts],
            "order": state.order.model_dump() if state.order else None,
            "run": None if state.run is None else str(state.run),  # more digits than JSON numbers have elsewhere
            "serverapp": state.serverapp,
            "runs": state.runs,
            "failures": state.failures,
            "why": state.why,
            "set_aside": [dataclasses.asdict(one) for one in state.set_aside],
        }
        try:
            write_atomically(self._home.status, json.dumps(content, indent=2).encode())
        except StorageFailed as reason:
            if not self._failed:
                log_line("status-not-written", logging.WARNING, failed=reason)
            self._failed = True
            return
        self._written, self._failed = (parts, state), False


def _wait_until_ready(home: Home, watch: Supervisor, stop: threading.Event) -> bool:
    """Whether all parts answer; False when it was stopped before."""
    end, due = time.monotonic() + _STARTING_SECONDS, 0.0
    with Health(home) as health:
        while not stop.wait(STEP_SECONDS):
            watch.step()
            for part in watch.status():
                if part.restarts >= _ATTEMPTS or time.monotonic() >= end:
                    raise Misconfigured(
                        f"{part.name}: expected it to start, got exit status {part.exit_status} after "
                        f"{part.restarts + 1} attempts; {home.logs / f'{part.name}.log'} says why"
                    )
            if time.monotonic() >= due:
                due = time.monotonic() + _ASK_SECONDS
                if health.answers():
                    log_line("up", url=home.settings.url)
                    return True
    return False


def _check_free(name: str, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(
                f"{name}: expected {host}:{port} to be free, got {error.strerror}; end what listens there, or choose "
                f"another {name} in server.toml"
            ) from None


@contextlib.contextmanager
def _told_to(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; only where signals are delivered, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def tell(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
