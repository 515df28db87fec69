"""A SuperLink with SuperNodes on this machine: TLS, node keys, own folders and ports. Leaving it ends every process."""

import datetime
import ipaddress
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

COMMANDS = ("flower-superlink", "flower-supernode", "flwr")
HOST = "127.0.0.1"
_ROOT = Path(__file__).parents[3]
_BESIDE_PYTHON = Path(sys.executable).parent
_POLL_SECONDS = 0.2
_LOG_CHARACTERS = 4000

_PYPROJECT = """\
[project]
name = "linked"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "nobody"

[tool.flwr.app.components]
serverapp = "linked.server_side:app"
clientapp = "linked.client_side:app"

[tool.flwr.app.config]
"""

_SERVER_SIDE = """\
from server.app import make_server_app, open_from_folders

app = make_server_app(open_from_folders)
"""

_CLIENT_SIDE = """\
from pathlib import Path

from client import make_client_app
from simulations.devices.population import OpenSimulatedDevice


def open_device(context):
    settings = context.node_config
    return OpenSimulatedDevice(Path(settings["home"]), settings["seed"])(context)


app = make_client_app(open_device)
"""


def missing_commands() -> list[str]:
    """Flower's commands that are not installed beside this Python, nor on the path."""
    return [name for name in COMMANDS if shutil.which(name, path=_path()) is None]


class Link:
    """Processes of one deployment, all of them started and ended here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._started: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._strangers: list[subprocess.Popen[bytes]] = []
        for name in ("keys", "logs", "flwr"):
            (folder / name).mkdir(parents=True)
        _write_certificates(folder / "keys")
        (folder / "flwr" / "config.toml").write_text(
            "[superlink]\n"
            'default = "link"\n\n'
            "[superlink.link]\n"
            f'address = "{HOST}:{self._port}"\n'
            f'root-certificates = "{folder / "keys" / "ca.pem"}"\n'
        )

    def __enter__(self) -> Self:
        try:
            self._start_superlink()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for wanted in (signal.SIGTERM, signal.SIGKILL):
            for _, process in self._started:
                _signal_group(process, wanted)
            end = time.monotonic() + 5
            while self.alive() and time.monotonic() < end:
                time.sleep(_POLL_SECONDS)

    def alive(self) -> list[str]:
        """Names of what was started here and has not ended, with all that it started itself."""
        for _, process in self._started:
            process.poll()
        return [name for name, process in self._started if _group_lives(process)]

    def start_nodes(self, configurations: Sequence[Mapping[str, str | int]], release: Path) -> None:
        """Register one key each and start its SuperNode; one executor runs the ClientApps of all of them."""
        names = [f"node-{number}" for number in range(len(configurations))]
        ports = [_free_port() for _ in names]
        executor = str(Path(__file__).with_name("forking_executor.py"))
        self._start("executor", [sys.executable, executor, str(release), *(f"{HOST}:{port}" for port in ports)])
        registering = [self._flwr("supernode", "register", str(self._write_key(name))) for name in names]
        for process in registering:
            self._finish(process, 60)
        for name, port, configuration in zip(names, ports, configurations, strict=True):
            self._start_node(name, port, configuration)

    def start_stranger(self, configuration: Mapping[str, str | int]) -> "subprocess.Popen[bytes]":
        """Start a SuperNode whose key nobody registered."""
        self._write_key("stranger")
        self._strangers.append(self._start_node("stranger", _free_port(), configuration))
        return self._strangers[-1]

    def run(self, settings: Mapping[str, str | int], done: Callable[[], bool], seconds: float) -> None:
        """Hand the app in with this run configuration and wait until `done`.

        Raises:
            AssertionError: it was not done in time, or a process ended before; the message quotes the logs.
        """
        app = self._folder / "app"
        (app / "linked").mkdir(parents=True)
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
        (app / "pyproject.toml").write_text(_PYPROJECT + "".join(lines))
        (app / "linked" / "__init__.py").touch()
        (app / "linked" / "server_side.py").write_text(_SERVER_SIDE)
        (app / "linked" / "client_side.py").write_text(_CLIENT_SIDE)
        self._finish(self._flwr("run", str(app), "link"), 60)
        self._wait(done, seconds, "the run to end")

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self._folder / "logs" / f"{name}.log").read_text(errors="replace")

    def _write_key(self, name: str) -> Path:
        """A key pair that nobody knows yet; returns where the public half lies."""
        key = ec.generate_private_key(ec.SECP384R1())
        private = self._folder / "keys" / name
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = private.with_suffix(".pub")
        public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
        return public

    def _start_node(self, name: str, port: int, configuration: Mapping[str, str | int]) -> "subprocess.Popen[bytes]":
        """Start the SuperNode that has the private half of the key of this name."""
        words = [f"{key}={json.dumps(value)}" for key, value in configuration.items()]
        return self._start(
            name,
            [
                "flower-supernode",
                *("--superlink", f"{HOST}:{self._port}"),
                *("--root-certificates", str(self._folder / "keys" / "ca.pem")),
                *("--auth-supernode-private-key", str(self._folder / "keys" / name)),
                *("--isolation", "process"),
                *("--host", HOST, "--port", str(port)),
                *("--node-config", " ".join(words)),
            ],
        )

    def _start_superlink(self) -> None:
        keys = self._folder / "keys"
        self._start(
            "superlink",
            [
                "flower-superlink",
                *("--host", HOST, "--port", str(self._port)),
                *("--ssl-ca-certfile", str(keys / "ca.pem")),
                *("--ssl-certfile", str(keys / "server.pem")),
                *("--ssl-keyfile", str(keys / "server.key")),
                "--enable-supernode-auth",
                "--disable-runtime-dependency-installation",
            ],
        )
        context = ssl.create_default_context(cafile=keys / "ca.pem")
        self._wait(lambda: _answers_tls(self._port, context), 60, "the SuperLink to listen")

    def _flwr(self, *arguments: str) -> "subprocess.Popen[bytes]":
        number = sum(name.startswith("flwr") for name, _ in self._started)
        return self._start(f"flwr-{number}", ["flwr", *arguments])

    def _start(self, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "PATH": _path(),
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
            "FLWR_HOME": str(self._folder / "flwr"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2",
            "OMP_NUM_THREADS": "1",  # another order of sums would change last digits
        }
        with (self._folder / "logs" / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append((name, process))
        return process

    def _finish(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        """Wait for a command that ends by itself."""
        try:
            failed = process.wait(seconds)
        except subprocess.TimeoutExpired:
            failed = 1
        if failed:
            raise AssertionError(f"a command of flwr failed\n{self._logs()}")

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            dead = [name for name, process in self._started if process.poll() and process not in self._strangers]
            if dead or time.monotonic() >= end:
                reason = f"{dead} ended" if dead else f"{seconds:.0f} seconds passed"
                raise AssertionError(f"waited for {what}: {reason}\n{self._logs()}")
            time.sleep(_POLL_SECONDS)

    def _logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-_LOG_CHARACTERS:]}" for name, _ in self._started)


def _path() -> str:
    """Flower's commands start each other by name: those of this environment come first."""
    return os.pathsep.join([str(_BESIDE_PYTHON), os.environ.get("PATH", "")])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _answers_tls(port: int, context: ssl.SSLContext) -> bool:
    try:
        with socket.create_connection((HOST, port), 2) as plain, context.wrap_socket(plain, server_hostname=HOST):
            return True
    except OSError:
        return False


def _signal_group(process: "subprocess.Popen[bytes]", wanted: signal.Signals) -> None:
    """Signal a process and all it started: each has a session of its own."""
    if _group_lives(process):
        try:
            os.killpg(process.pid, wanted)
        except (ProcessLookupError, PermissionError):
            return


def _group_lives(process: "subprocess.Popen[bytes]") -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _write_certificates(folder: Path) -> None:
    """An authority of this test and a certificate for the loopback address."""
    now = datetime.datetime.now(datetime.UTC)

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )

    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = (
        certificate("authority of a test", authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    server = (
        certificate("localhost", server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
