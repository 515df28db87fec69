"""The console over HTTP: a page without secrets, and behind a token what it shows, live, and what it can do.

A token comes in a header that no browser sends by itself, so that a page of somebody else's can neither read nor act
(CSRF).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Set
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from server.console.access import Access, Role
from server.console.actions import act
from server.console.metrics import CONTENT_TYPE, metrics_text
from server.console.snapshot import Snapshots
from server.home import Home
from server.logs import log_line
from shared.errors import HushrecError, Misconfigured, NotYet
from shared.local_page import PageGuard, file_routes, small_body

_SECONDS = 1.0  # from one look to the next
_SIGN_OF_LIFE_SECONDS = 15.0
_MOST_BODY_BYTES = 4_096
_MOST_LISTENERS = 32
_FILES = {"/": "console.html", "/console.js": "console.js", "/console.css": "console.css", "/words.json": "words.json"}


def make_console(home: Home, snapshots: Snapshots, access: Access, hosts: Set[str]) -> ASGIApp:
    """The console as an ASGI application.

    Args:
        home: folder of the server.
        snapshots: what is shown.
        access: who may look and act.
        hosts: the values of Host under which it may be asked, such as "127.0.0.1:9445".
    """
    console = _Console(home, snapshots, access)
    routes = [
        *file_routes("server.console", _FILES),
        Route("/v1/status", console.status, methods=["GET"]),
        Route("/v1/live", console.live, methods=["GET"]),
        Route("/metrics", console.metrics, methods=["GET"]),
        Route("/v1/actions/{name}", console.action, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(PageGuard, hosts=hosts)],
        exception_handlers={HushrecError: _explained, Exception: _fault},
    )


class _Console:
    def __init__(self, home: Home, snapshots: Snapshots, access: Access) -> None:
        self._home, self._snapshots, self._access = home, snapshots, access
        self._taking = asyncio.Lock()
        self._listeners = 0

    async def status(self, request: Request) -> Response:
        """A snapshot, and who asked for it."""
        role = self._role(request)
        return _denied() if role is None else JSONResponse(await self._take() | {"role": role})

    async def metrics(self, request: Request) -> Response:
        """A snapshot for Prometheus."""
        if self._role(request) is None:
            return _denied()
        return Response(metrics_text(await self._take()), headers={"content-type": CONTENT_TYPE})

    async def live(self, request: Request) -> Response:
        """Snapshots as server-sent events, each when something has changed (HTML Living Standard, section 9.2)."""
        role = self._role(request)
        if role is None:
            return _denied()
        if self._listeners >= _MOST_LISTENERS:
            return JSONResponse({"error": {"code": "busy", "message": "too many pages are open"}}, 503)
        return StreamingResponse(self._events(request, role), media_type="text/event-stream")

    async def action(self, request: Request) -> Response:
        """Do something, for an operator."""
        role = self._role(request)
        if role is None:
            return _denied()
        if role != "operator":
            message = "expected the operator's token, got the reader's, which is for looking only"
            return JSONResponse({"error": {"code": "reader", "message": message}}, 403)
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": {"code": "type", "message": "expected application/json"}}, 415)
        content = await small_body(request, _MOST_BODY_BYTES)
        if content is None:
            return JSONResponse({"error": {"code": "large", "message": "expected a smaller body"}}, 413)
        return JSONResponse(await asyncio.to_thread(act, self._home, request.path_params["name"], content))

    def _role(self, request: Request) -> Role | None:
        return self._access.role(request.headers.get("authorization", ""))

    async def _take(self) -> dict[str, Any]:
        async with self._taking:  # one thread at a time
            return await asyncio.to_thread(self._snapshots.take)

    async def _events(self, request: Request, role: Role) -> AsyncIterator[bytes]:
        self._listeners += 1
        try:
            shown, silent = "", 0.0
            while not await request.is_disconnected():
                try:
                    found = await self._take() | {"role": role}
                except HushrecError as reason:
                    found = {"error": {"code": reason.code, "message": str(reason)}}
                without_time = json.dumps({key: value for key, value in found.items() if key != "now_seconds"})
                if without_time != shown:
                    shown, silent = without_time, 0.0
                    yield b"data: " + json.dumps(found, separators=(",", ":")).encode() + b"\n\n"
                elif silent >= _SIGN_OF_LIFE_SECONDS:
                    silent = 0.0
                    yield b": nothing has changed\n\n"
                silent += _SECONDS
                await asyncio.sleep(_SECONDS)
        finally:
            self._listeners -= 1


def _denied() -> Response:
    message = "expected a token of this console, as `hushrec-server console` prints it; got none that holds"
    headers = {"www-authenticate": "Bearer"}
    return JSONResponse({"error": {"code": "unauthorised", "message": message}}, 401, headers)


async def _explained(request: Request, error: Exception) -> Response:
    del request
    code = error.code if isinstance(error, HushrecError) else "fault"
    status = 409 if isinstance(error, NotYet) else 422 if isinstance(error, Misconfigured) else 500
    return JSONResponse({"error": {"code": code, "message": str(error)}}, status)


async def _fault(request: Request, error: Exception) -> Response:
    log_line("console", logging.ERROR, failed=type(error).__name__, path=request.url.path)
    return JSONResponse({"error": {"code": "fault", "message": "a fault of ours; the log says where"}}, 500)
