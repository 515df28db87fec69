"""The gateway over TLS: one port, HTTP/1.1, and patience with nobody who sends slowly or opens too much."""

import asyncio
import logging
from collections import Counter

import uvicorn

from server.gateway.guard import HEAD_BYTES
from server.gateway.limits import address_prefix
from server.gateway.routes import make_gateway
from server.home import Home
from shared.patient_http import HeadDeadlineProtocol

_IDLE_SECONDS = 30  # longer than devices poll, so that they need not shake hands each time
_STOPPING_SECONDS = 1
_MOST_CONNECTIONS, _MOST_OF_ONE_ADDRESS = 2048, 512

_open: Counter[str] = Counter()  # connections by address, of this process


class PatientProtocol(HeadDeadlineProtocol):
    """Takes no more connections of one address than it should have."""

    _address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless its address has too many."""
        super().connection_made(transport)
        self._address = address_prefix(self.client[0]) if self.client else ""
        _open[self._address] += 1
        if _open[self._address] > _MOST_OF_ONE_ADDRESS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        _open[self._address] -= 1
        if _open[self._address] <= 0:
            del _open[self._address]
        super().connection_lost(exc)


def serve_gateway(home: Home) -> None:
    """Serve until SIGTERM.

    Raises:
        Misconfigured, Corrupt: a key, a certificate, the registry or the federation file cannot be read.
    """
    _keep_tracebacks_out()
    server = uvicorn.Server(
        uvicorn.Config(
            make_gateway(home),
            host=home.settings.host,
            port=home.settings.port,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            loop="asyncio",
            ssl_certfile=home.server_certificate_path,
            ssl_keyfile=home.server_key_path,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # else whoever asks could name another address
            h11_max_incomplete_event_size=HEAD_BYTES,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
        )
    )
    server.run()


def _keep_tracebacks_out() -> None:
    """A traceback could quote what was sent; the guard logs the place of every fault by itself."""

    def without(record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True

    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(without)
    logger.setLevel(logging.WARNING)
