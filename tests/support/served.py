"""A device's local API in a process of its own, over the real store and a ranking without a model, or with one.

`python -m tests.support.served DIR [SECONDS]` is that process; SECONDS is how long it waits for a request's head.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from client.home import Home

ROOT = Path(__file__).parents[2]


class Served:
    """The process, and a client of it."""

    def __init__(self, home: Home, process: subprocess.Popen[bytes], port: int) -> None:
        self.home, self.process, self.port = home, process, port
        self.token = home.keys.token()

    def ask(self, method: str, target: str, content: object = None) -> tuple[int, Any]:
        """Status and body of one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, target, None if content is None else json.dumps(content), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@contextmanager
def served(home: Home, module: str = "tests.support.served", *more: str) -> Iterator[Served]:
    """Start the process, wait until it answers, and stop it in the end; "client.http_api" ranks with the real model."""
    process = start(home, module, *more)
    try:
        yield wait(home, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


def start(home: Home, module: str = "tests.support.served", *more: str) -> subprocess.Popen[bytes]:
    """The process, which may not be listening yet."""
    home.api.unlink(missing_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", module, str(home.directory), *more],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait(home: Home, process: subprocess.Popen[bytes]) -> Served:
    """Until the process has said where it listens."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if home.api.exists():
            return Served(home, process, json.loads(home.api.read_bytes())["port"])
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.02)
    raise AssertionError("the local API did not start")


if __name__ == "__main__":
    from client.http_api.__main__ import main
    from shared.patient_http import HeadDeadlineProtocol
    from tests.support.fakes import RankingOfHome

    HeadDeadlineProtocol.head_seconds = float(sys.argv.pop() if len(sys.argv) > 2 else 10)
    with patch("client.facade.device_facade.RankingClient", RankingOfHome):
        sys.exit(main(sys.argv[1:]))
