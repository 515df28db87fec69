"""Serves the local API on loopback, and says in `run/api.json` where, while it does."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from client.facade import open_facade
from client.home import Home
from client.http_api.api import make_api
from client.loopback import MOST_CONNECTIONS, open_listener
from shared.files import write_atomically
from shared.patient_http import HeadDeadlineProtocol

_IDLE_SECONDS = 5
_STOP_SECONDS = 5
_HEAD_BYTES = 65_536


def serve_api(home: Home) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        NotYet: the port or the store is in use.
        Misconfigured, Corrupt: the device's files are not what they must be.
    """
    token = home.keys.token()
    with open_facade(home) as facade, open_listener(home.settings.host, home.settings.port) as listener:
        host, port = listener.getsockname()[:2]
        named = f"[{host}]" if ":" in host else host
        api = make_api(facade, token, {f"{name}:{port}" for name in (named, "localhost")})
        config = uvicorn.Config(
            api,
            http=HeadDeadlineProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # it would hold what people search for
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=_HEAD_BYTES,
        )
        place = {"host": host, "port": port, "pid": os.getpid()}
        write_atomically(home.api, json.dumps(place).encode() + b"\n")
        try:
            with _outliving(signal.SIGTERM, signal.SIGINT):
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            home.api.unlink(missing_ok=True)


@contextmanager
def _outliving(*numbers: signal.Signals) -> Iterator[None]:
    """Survive signals: uvicorn stops at one and raises it again, which would end this process before it tidied up."""
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
