"""Stands before the local API: who may speak to it, about how much, and that no exception's text gets out.

A page in a browser may reach the port under a name of its own (DNS rebinding) or without reading the answer, hence the
check of Host and the token on everything that is not public; nothing is ever said about other origins.
"""

import asyncio
import hashlib
import hmac
import logging
import traceback
from collections.abc import Set
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from client.http_api.errors import STATUS, ErrorCode, body

MOST_BODY_BYTES = 2**20
_BODY_SECONDS = 10.0
_PUBLIC = frozenset({"/v1/health", "/openapi.json"})  # they say nothing about the person
_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

_log = logging.getLogger(__name__)


class ApiGuard:
    """ASGI middleware; lets a request pass with its body read, or answers with a fixed word."""

    def __init__(self, api: ASGIApp, token: str, hosts: Set[str]) -> None:
        """Guard an API.

        Args:
            api: the application to guard.
            token: what the header `Authorization: Bearer ...` must hold.
            hosts: the values of Host under which it may be asked, such as "127.0.0.1:8787".
        """
        self._api, self._hosts = api, frozenset(host.encode() for host in hosts)
        self._token = _digest(token.encode())

    def __repr__(self) -> str:
        return "ApiGuard()"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection: pass a request on once its content is read, or refuse it; close web sockets."""
        if scope["type"] == "lifespan":
            return await self._api(scope, receive, send)
        if scope["type"] != "http":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        if (word := self._objection(scope)) is not None:
            return await _refuse(word, answer)
        content = await _content(receive)
        if content is None:
            return  # the other side hung up
        if not isinstance(content, bytes):
            return await _refuse(content, answer)
        try:
            await self._api(scope, _replay(content, receive), answer)
        except Exception as error:  # its message may quote the person
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("a fault of ours: %s at %s:%d", type(error).__name__, Path(place.filename).name, place.lineno)
            if not started:
                await _refuse("fault", answer)

    def _objection(self, scope: Scope) -> ErrorCode | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return "host"
        if scope["path"] in _PUBLIC and scope["method"] == "GET":
            return None
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1 or not self._matches(given[0]):
            return "unauthorised"
        return None

    def _matches(self, value: bytes) -> bool:
        scheme, _, token = value.partition(b" ")
        known = hmac.compare_digest(_digest(token), self._token)
        return known and scheme.lower() == b"bearer"


def _digest(token: bytes) -> bytes:
    """Of equal length whatever the token, so that comparing takes the same time."""
    return hashlib.sha256(token).digest()


async def _refuse(word: ErrorCode, send: Send) -> None:
    content = body(word)
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    if word == "unauthorised":
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": STATUS[word], "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _content(receive: Receive) -> bytes | ErrorCode | None:
    """The whole body, a word of refusal, or None when the other side has gone."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > MOST_BODY_BYTES:
                    return "too-large"
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        return "too-slow"


def _replay(content: bytes, receive: Receive) -> Any:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again
