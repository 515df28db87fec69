"""A real deployment on this machine: one server and some devices, started by the commands that people use.

Leaving it ends every process. Benchmarks and tests look at it from outside, as an operator could.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

HOST = "127.0.0.1"
_BIN = Path(sys.executable).parent
_PART = "HUSHREC_DEPLOYMENT_PART"
_LOG_CHARACTERS = 3000


class Unexpected(Exception):
    """Something did not go as it must; the message quotes the logs, which hold nothing private."""


class Deployment:
    """Commands and processes of one federation, all of them started and ended here.

    Attributes:
        folder: of all of it.
        server: folder of the server.
        port: of its gateway.
        command_seconds: that a command may take.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = folder / "server"
        self.port = free_port()
        self._marker = f"HUSHREC_DEPLOYMENT={folder}"
        self.command_seconds = 300.0
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 15
        while any(process.poll() is None for process in self._running.values()) and time.monotonic() < end:
            time.sleep(0.2)
        for pid in _pids_with(self._marker):
            os.kill(pid, signal.SIGKILL)

    def device(self, number: int) -> Path:
        """Folder of the device of this number."""
        return self.folder / f"device-{number}"

    def call(self, command: str, *arguments: object, expect: int = 0, **environment: str) -> str:
        """Run `hushrec-COMMAND` to its end; its standard output."""
        done = subprocess.run(  # noqa: S603 - commands of our own, no shell
            [str(_BIN / f"hushrec-{command}"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=self.command_seconds,
            env=self._environment(environment),
            check=False,
        )
        if done.returncode != expect:
            raise Unexpected(
                f"hushrec-{command} {' '.join(map(str, arguments))}: expected status {expect}, got {done.returncode}\n"
                f"{done.stdout}\n{done.stderr}\n{self.logs()}"
            )
        return done.stdout

    def json(self, command: str, *arguments: object, expect: int = 0) -> dict[str, Any]:
        """The JSON object that a command prints last."""
        answer: dict[str, Any] = json.loads(self.call(command, *arguments, "--json", expect=expect).splitlines()[-1])
        return answer

    def start(self, name: str, command: str, *arguments: object, **environment: str) -> "subprocess.Popen[bytes]":
        """Start `hushrec-COMMAND` in the background, its output in a file."""
        (self.folder / "logs").mkdir(exist_ok=True)
        with (self.folder / "logs" / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - commands of our own, no shell
                [str(_BIN / f"hushrec-{command}"), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment({_PART: name, **environment}),
            )
        self._running[name] = process
        return process

    def end(self, name: str, wanted: signal.Signals = signal.SIGTERM) -> int:
        """Signal what `start` started under this name and wait for its end; its exit status."""
        process = self._running.pop(name)
        process.send_signal(wanted)
        return process.wait(30)

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Until `done`, or fail with the logs."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise Unexpected(f"waited {seconds:.0f} seconds for {what}\n{self.logs()}")
            time.sleep(0.3)

    def pids(self, words: str = "", part: str = "") -> list[int]:
        """Processes of this deployment whose command line holds these words, and that this started part started."""
        among = _pids_with(f"{_PART}={part}") if part else None
        return [
            pid for pid in _pids_with(self._marker) if (among is None or pid in among) and words in _command_line(pid)
        ]

    def resident_bytes(self, part: str) -> int:
        """Memory of all processes of a started part, pages shared with others counted in part."""
        return sum(map(self.resident_bytes_of, self.pids(part=part)))

    @staticmethod
    def resident_bytes_of(pid: int) -> int:
        """Memory of one process, pages shared with others counted in part; 0 when it is gone."""
        return _resident_bytes(pid)

    def listening(self, words: str = "") -> set[tuple[str, int]]:
        """(address, port) of every TCP socket that processes of this deployment listen on."""
        return _listening(self.pids(words))

    def logs(self) -> str:
        """The ends of all log files."""
        files = sorted({*self.folder.glob("logs/*.log"), *self.folder.glob("*/run/logs/*.log")})
        return "\n".join(
            f"--- {file.relative_to(self.folder)}\n{file.read_text(errors='replace')[-_LOG_CHARACTERS:]}"
            for file in files
        )

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        name, _, value = self._marker.partition("=")
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            name: value,
            **more,
        }


def free_port() -> int:
    """A TCP port of this machine that nobody listens at now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _pids_with(variable: str) -> list[int]:
    """Processes that were started with this variable in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process, pages it shares with others counted in part (proportional set size)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _listening(pids: Sequence[int]) -> set[tuple[str, int]]:
    inodes = set()
    for pid in pids:
        try:
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                target = os.readlink(handle)
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
        except OSError:
            continue
    found = set()
    for table, version in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                raw = bytes.fromhex(address)
                words = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
                found.add((socket.inet_ntop(version, words), int(port, 16)))
    return found
