"""Passes a member's Fleet API calls to the SuperLink on loopback, byte for byte, and nothing else of Flower's."""

import asyncio
import math
import ssl
import time
from collections.abc import AsyncIterator, Callable

import httpx
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from server.flower import superlink_address
from server.gateway.members import KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER
from server.gateway.responses import HttpError
from server.home import Home

# What a registered SuperNode needs. Registering nodes is the registry's part, and never Flower's own.
CALLS = frozenset({
    "activate-node", "confirm-message-received", "deactivate-node", "get-fab", "get-run", "pull-messages",
    "pull-object", "push-messages", "push-object", "send-node-heartbeat",
})  # fmt: skip
_PROTOBUF = b"application/protobuf"
_VERSION = b"flwr-package-name", b"flwr-package-version", b"flwr-component-name"
_ASKED = frozenset({b"accept", b"content-type", KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER, *_VERSION})
_ANSWERED = frozenset({b"content-length", b"content-type", b"flwr-version-incompatibility-message"})
_BUSY = frozenset({502, 503, 504})
_LONGEST_SECONDS = 600.0
_POLL_SECONDS = 0.25
_HEALTH_SECONDS = 1.0  # for which an answer holds: anybody may ask
_TIMEOUT = httpx.Timeout(60.0, connect=5.0, pool=10.0)
_LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=64)


class Fleet:
    """The SuperLink of one server; close it at the end."""

    def __init__(
        self,
        home: Home,
        transport: httpx.AsyncBaseTransport | None = None,
        patience_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set a client of the SuperLink up; it connects with its first request.

        Args:
            home: folder of the server: the SuperLink's address, and the authority whose certificate it must show.
            transport: instead of the network, in tests.
            patience_seconds: how long a SuperLink that is away is waited for.
            clock: monotonic seconds.
        """
        self._patience_seconds, self._clock = patience_seconds, clock
        self._asking = asyncio.Lock()
        self._answered, self._answered_until = False, -math.inf
        self._client = httpx.AsyncClient(
            base_url=f"https://{superlink_address(home)}",
            verify=ssl.create_default_context(cafile=home.authority_path),
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def answers(self) -> bool:
        """Whether the SuperLink is there; it is asked once a second at most, however many want to know."""
        async with self._asking:
            if self._clock() >= self._answered_until:
                try:
                    answer = await self._client.get("/health", timeout=2 * _HEALTH_SECONDS)
                    self._answered = answer.is_success
                except httpx.HTTPError:
                    self._answered = False
                self._answered_until = self._clock() + _HEALTH_SECONDS
            return self._answered

    async def passing(self, call: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the SuperLink what a member asks, and answer what it answers.

        Raises:
            HttpError: 404 for another call, 415 for another kind of body, 503 while the SuperLink is away.
        """
        headers = [(name, value) for name, value in scope["headers"] if name in _ASKED]
        if call not in CALLS:
            raise HttpError(404)
        if dict(headers).get(b"content-type") != _PROTOBUF:
            raise HttpError(415)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):  # a member that reads slowly must not keep others out
                await self._relay(call, headers, Request(scope, receive), send)
        except TimeoutError:
            raise HttpError(408) from None

    async def _relay(self, call: str, headers: list[tuple[bytes, bytes]], request: Request, send: Send) -> None:
        answer = await self._ask(call, headers, request)
        try:
            if answer.status_code >= 500:
                raise HttpError(503 if answer.status_code in _BUSY else 500)
            answered = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() in _ANSWERED]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": answered})
            async for piece in answer.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def _ask(self, call: str, headers: list[tuple[bytes, bytes]], request: Request) -> httpx.Response:
        """The SuperLink's answer, waited for while it starts again: devices would come back far later by themselves."""
        end = self._clock() + self._patience_seconds
        while True:
            asked = self._client.build_request(
                "POST",
                f"/v1/fleet/{call}",
                headers=[*headers, (b"accept-encoding", b"identity")],
                content=_body(request),
            )
            try:
                return await self._client.send(asked, stream=True)
            except httpx.ConnectError:  # nothing of the body has been read yet
                if self._clock() >= end:
                    raise HttpError(503) from None
            except httpx.HTTPError:
                raise HttpError(503) from None
            await asyncio.sleep(_POLL_SECONDS)


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece
