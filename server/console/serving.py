"""Serves the console on this machine alone: from elsewhere it is reached through a tunnel, by SSH say."""

import socket
from collections.abc import Callable, Mapping

import uvicorn

from server.console.access import Access, Role, console_tokens
from server.console.pages import make_console
from server.console.snapshot import Snapshots
from server.flower import Control
from server.home import Home
from shared.errors import Misconfigured
from shared.patient_http import HeadDeadlineProtocol

_HOST = "127.0.0.1"
_IDLE_SECONDS = 30
_STOPPING_SECONDS = 1
_MOST_CONNECTIONS = 128


def serve_console(home: Home, port: int, ready: Callable[[str, Mapping[Role, str]], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        home: folder of the server, which need not be up.
        port: of loopback; 0 for any that is free.
        ready: told the address, and the token of each role, once it can be reached.

    Raises:
        Misconfigured: the port is taken, or a key or certificate is missing.
        Corrupt: a file is not what it claims to be.
    """
    tokens = console_tokens(home)
    with _listener(port) as listener, Control(home) as control:
        bound = listener.getsockname()[1]
        hosts = {f"{name}:{bound}" for name in (_HOST, "localhost")}
        config = uvicorn.Config(
            make_console(home, Snapshots(home, control), Access(tokens), hosts),
            http=HeadDeadlineProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
        )
        ready(f"http://{_HOST}:{bound}", tokens)
        uvicorn.Server(config).run(sockets=[listener])


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"--port: expected {_HOST}:{port} to be free, got {error.strerror}; choose another with --port"
        ) from None
    listener.listen()
    return listener
