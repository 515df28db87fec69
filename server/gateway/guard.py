"""Stands in front of every route: looks at the path as it came, at rates, sizes and times, and answers what fails.

A request that is spelt in any unusual way goes no further, so that no two parsers can read it differently.
"""

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.gateway.given_back import LARGEST_BYTES
from server.gateway.limits import RateLimiter, address_prefix
from server.gateway.responses import HttpError, error_response
from server.logs import log_line
from shared.errors import NotYet

# Segments of letters, digits, dot, underscore and hyphen, none of them of dots alone: no %, no //, no .., no host.
_PATH = re.compile(rb"(/(?!\.+(/|$))[A-Za-z0-9._-]{1,128}){1,6}", re.ASCII)
_QUERY = re.compile(rb"(after=[0-9]{1,9}|within=[0-9]{1,3})?", re.ASCII)
_ONCE = (b"authorization", b"content-length", b"content-type", b"host", b"transfer-encoding")
FLEET = b"/v1/fleet/"
_GIVEN_BACK_BYTES = {b"/v1/held/" + what.encode(): largest for what, largest in LARGEST_BYTES.items()}
HEAD_BYTES = 16_384  # largest head of a request
_SMALL_BODY_BYTES, _SMALL_BODY_SECONDS = 8192, 20.0
_BODY_SECONDS = 600.0
_PIECE_SECONDS = 30.0  # from one piece of a body to the next


class _Cut(Exception):
    """Half an answer is out and no more can come: the server closes the connection, so that it looks like none."""


class GatewayGuard:
    """ASGI middleware."""

    def __init__(
        self, app: ASGIApp, body_bytes: int, requests_per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Guard an application.

        Args:
            app: gets only what passes the guard.
            body_bytes: the largest body for Flower; all others but those of what members give back are small.
            requests_per_minute: that one caller may make.
            clock: monotonic seconds.
        """
        self._app = app
        self._body_bytes = body_bytes
        self._buckets = RateLimiter(requests_per_minute, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP gets no answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, self._bounded(scope, receive), sending)
            return
        except HttpError as answer:
            status = answer.status
        except ClientDisconnect:
            return
        except NotYet:  # another process keeps the registry locked
            status = 503
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            log_line("gateway", logging.ERROR, failed=type(error).__name__, at=where)
            status = 500
        if begun:
            raise _Cut
        await error_response(status)(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        path, names = scope["raw_path"], [name for name, _ in scope["headers"]]
        if not self._buckets.take(address_prefix(scope["client"][0] if scope["client"] else "")):
            raise HttpError(503 if path.startswith(FLEET) else 429)  # Flower's client tries again after 503 alone
        if not _PATH.fullmatch(path) or path != scope["path"].encode() or not _QUERY.fullmatch(scope["query_string"]):
            raise HttpError(404)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES:
            raise HttpError(400)  # uvicorn measures only heads that come in pieces
        twice_framed = b"content-length" in names and b"transfer-encoding" in names
        if twice_framed or b"upgrade" in names or any(names.count(name) > 1 for name in _ONCE):
            raise HttpError(400)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The request's body, as long as it is small and quick enough."""
        large = scope["raw_path"].startswith(FLEET)
        small = _GIVEN_BACK_BYTES.get(scope["raw_path"], _SMALL_BODY_BYTES)
        largest = self._body_bytes if large else small
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > largest:
            raise HttpError(413)
        taken, whole = 0, False
        end = asyncio.get_running_loop().time() + (_BODY_SECONDS if large else _SMALL_BODY_SECONDS)

        async def receiving() -> Message:
            nonlocal taken, whole
            if whole:  # what comes now is the end of the connection, which may take its time
                return await receive()
            try:
                async with asyncio.timeout_at(min(end, asyncio.get_running_loop().time() + _PIECE_SECONDS)):
                    message = await receive()
            except TimeoutError:
                raise HttpError(408) from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > largest:
                raise HttpError(413)
            return message

        return receiving
