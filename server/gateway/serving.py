"""The gateway over TLS: one port, HTTP/1.1, and patience with nobody who sends slowly or opens too much."""

import asyncio
import logging
from collections import Counter

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.gateway.guard import HEAD_BYTES
from server.gateway.limits import address_prefix
from server.gateway.routes import make_gateway
from server.home import Home

_HEAD_SECONDS = 10.0
_IDLE_SECONDS = 30  # longer than devices poll, so that they need not shake hands each time
_STOPPING_SECONDS = 1
_MOST_CONNECTIONS, _MOST_OF_ONE_ADDRESS = 2048, 512

_open: Counter[str] = Counter()  # connections by address, of this process


class PatientProtocol(H11Protocol):
    """Closes a connection whose next request does not come, or not whole, in time."""

    _head_timer: asyncio.TimerHandle | None = None
    _address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless its address has too many."""
        super().connection_made(transport)
        self._address = address_prefix(self.client[0]) if self.client else ""
        _open[self._address] += 1
        if _open[self._address] > _MOST_OF_ONE_ADDRESS:
            transport.abort()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        _open[self._address] -= 1
        if _open[self._address] <= 0:
            del _open[self._address]
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        super().data_received(data)
        self._watch_head()

    def _watch_head(self) -> None:
        waiting = self.conn.their_state is h11.IDLE
        if waiting and self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)
        elif not waiting and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_response_complete()


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
