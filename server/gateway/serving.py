"""The gateway over TLS: one port, HTTP/1.1, and patience with nobody who sends slowly or opens too much."""

import asyncio
import logging
import socket
from asyncio import sslproto
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from server.gateway.connections import ConnectionCounts, listeners, raise_descriptor_limit
from server.gateway.guard import HEAD_BYTES
from server.gateway.routes import Gateway, guarded
from server.home import Home
from shared.patient_http import HeadDeadlineProtocol

_IDLE_SECONDS = 30  # longer than a device in a round is silent, so that it need not shake hands each time
_STOPPING_SECONDS = 1
_HANDSHAKE_SECONDS = 10.0
_TLS_BUFFER_BYTES = 32_768  # of each connection; a record has 16 KiB at most, asyncio would set 256 KiB aside


class PatientLoop(asyncio.SelectorEventLoop):
    """Gives a connection up whose TLS handshake takes long."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """Listen as usual, but for the handshake's time."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", _HANDSHAKE_SECONDS)
        return await super().create_server(*args, **options)


class _Server(uvicorn.Server):
    """Lets go of those who wait before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._stopping()
        await super().shutdown(sockets)


def serve_gateway(home: Home) -> None:
    """Serve until SIGTERM.

    Raises:
        Misconfigured, Corrupt: a key, a certificate, the registry or the federation file cannot be read, or the port is
            taken.
    """
    _keep_tracebacks_out()
    limits = home.settings.limits
    counts = ConnectionCounts(raise_descriptor_limit(limits.connections), limits.connections_per_address)
    sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES
    gateway = Gateway(home)
    config = uvicorn.Config(
        guarded(gateway, limits),
        http=HeadDeadlineProtocol,
        ws="none",
        lifespan="on",
        ssl_certfile=home.server_certificate_path,
        ssl_keyfile=home.server_key_path,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # else whoever asks could name another address
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
    )
    server = _Server(config, gateway.mail.close)
    sockets: Sequence[socket.socket] = listeners(home.settings.host, home.settings.port, counts)
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        runner.run(server.serve(sockets=list(sockets)))


def _keep_tracebacks_out() -> None:
    """A traceback could quote what was sent; the guard logs the place of every fault by itself."""

    def without(record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True

    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.addFilter(without)
        logger.setLevel(logging.WARNING)
