"""`python -m server.flower.superlink ...`: Flower's SuperLink without what costs every call and is of no use here.

Its calls are answered one after the other: each writes to its SQLite database, where those that collide sleep before
they look again. Middlewares that do nothing without a plugin, an account or tracing are left out; whoever checks who
asks stays. What devices and runs call is answered with one message, for which each middleware that stays needs no task
and no queues of its own.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from flwr.supercore.error import FlowerError
from flwr.supercore.object_store import NoObjectInStoreError
from flwr.supercore.protobuf.translation import ProtobufTranslationMiddleware
from flwr.supercore.routers.runtime.tracing import RuntimeTracingMiddleware
from flwr.superlink import extensions
from flwr.superlink import main as superlink
from flwr.superlink.cli.flower_superlink import flower_superlink
from flwr.superlink.routers.control.middlewares import (
    ControlEventLogMiddleware,
    ControlLicenseMiddleware,
    ControlSensitiveResponseMiddleware,
)
from flwr.superlink.routers.fleet.middlewares import FleetEventLogMiddleware
from sqlalchemy.exc import DataError, IntegrityError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.lifetime import end_with_parent

_WITHOUT_EFFECT = (
    ControlEventLogMiddleware,
    ControlLicenseMiddleware,
    ControlSensitiveResponseMiddleware,
    FleetEventLogMiddleware,
    RuntimeTracingMiddleware,
)
_FLEET = "/v1/fleet/"
# What Flower's handlers raise when a call names what is not there or is not made as it must be: whoever asks the same
# again gets the same. Faults of the machine (a full disk, a locked database) are others, and stay faults.
_OF_THE_CALL = (
    AssertionError,
    DataError,
    IntegrityError,
    LookupError,
    NoObjectInStoreError,
    OverflowError,
    TypeError,
    ValueError,
)
_ANSWERED_AT_ONCE = (_FLEET, "/v1/runtime/")
_all_middleware = superlink._get_middleware


class InOneTask:
    """One of Flower's middlewares; what is answered with one message passes it in the task that the call came in."""

    def __init__(self, app: ASGIApp, usual: Middleware) -> None:
        self._app = app
        self._usual: Any = usual.cls(app, *usual.args, **usual.kwargs)  # one of Starlette's BaseHTTPMiddleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http" or not scope["path"].startswith(_ANSWERED_AT_ONCE):
            return await self._usual(scope, receive, send)
        request = Request(scope, receive)

        async def inside(_: Request) -> Response:
            answer = _Answer()
            await self._app(scope, _again(request), answer.take)
            return answer.whole()

        response = await self._usual.dispatch_func(request, inside)
        await response(scope, receive, send)


class RefuseNonsense:
    """Answers a node's call that Flower cannot make sense of with 400 instead of a fault: asking again is of no use."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        try:
            await self._app(scope, receive, send)
        except FlowerError:
            raise
        except _OF_THE_CALL:
            if scope["type"] != "http" or not scope["path"].startswith(_FLEET):
                raise
            await Response(status_code=400)(scope, receive, send)


class _Answer:
    """What comes from further inside, in pieces."""

    def __init__(self) -> None:
        self._status, self._body = 500, b""
        self._headers: list[tuple[bytes, bytes]] = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        else:
            self._body += message.get("body", b"")

    def whole(self) -> Response:
        response = Response(self._body, self._status)
        response.raw_headers = self._headers
        return response


def _again(request: Request) -> Receive:
    """What receives a request whose body may have been read."""
    left: list[Message] = []
    if hasattr(request, "_body"):
        left.append({"type": "http.request", "body": request._body, "more_body": False})

    async def receive() -> Message:
        return left.pop() if left else await request.receive()

    return receive


def middleware() -> list[Middleware]:
    """What stands in front of every call of the SuperLink, outermost first."""
    front: list[Middleware] = []
    for one in _all_middleware():
        if one.cls is ProtobufTranslationMiddleware:  # inside it only answers in Flower's own words pass
            front.append(Middleware(RefuseNonsense))
        if one.cls not in _WITHOUT_EFFECT:
            front.append(Middleware(InOneTask, one))
    return front


@asynccontextmanager
async def _one_call_at_a_time(app: FastAPI) -> AsyncIterator[None]:
    del app
    anyio.to_thread.current_default_thread_limiter().total_tokens = 1
    yield


def main() -> None:
    """Run the SuperLink as its own command does."""
    superlink._get_middleware = middleware
    extensions.get_lifespan_contexts = lambda: (_one_call_at_a_time,)
    flower_superlink()


if __name__ == "__main__":
    end_with_parent(os.getppid(), signal.SIGTERM)
    main()
