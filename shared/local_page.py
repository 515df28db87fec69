"""What pages that this machine serves to its own browser have in common: a listener, a guard, and their files.

A name of somebody else's that leads to this machine (DNS rebinding) is refused by its Host, and a page runs no script,
and asks nobody, but its own (Content Security Policy Level 3).
"""

import socket
from collections.abc import Callable, Mapping, Set
from functools import lru_cache
from importlib import resources

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Misconfigured
from shared.patient_http import HeadDeadlineProtocol

HOST = "127.0.0.1"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
}
_IDLE_SECONDS = 30
_STOPPING_SECONDS = 1
_MOST_CONNECTIONS = 128


class PageGuard:
    """ASGI middleware: the names under which a page is asked for, and headers that every answer carries."""

    def __init__(self, app: ASGIApp, hosts: Set[str]) -> None:
        """Guard an application.

        Args:
            app: gets only what passes the guard.
            hosts: the values of Host under which it may be asked, such as "127.0.0.1:9445".
        """
        self._app, self._hosts = app, frozenset(host.encode() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP gets no answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None
        named = [value.lower() for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or named[0] not in self._hosts:
            refused = JSONResponse({"error": {"code": "host", "message": "not the name of this page"}}, 421)
            return await refused(scope, receive, sending)
        return await self._app(scope, receive, sending)


def file_routes(package: str, files: Mapping[str, str]) -> list[Route]:
    """Routes of a page's files, and of the script that pages have in common; they are the same for everybody.

    Args:
        package: whose folder `templates` holds them, such as "server.console".
        files: name of a file by its path, such as {"/": "console.html"}.
    """

    async def answer(request: Request) -> Response:
        name = files[request.url.path]
        return Response(_template(package, name), media_type=_MEDIA_TYPES[name.rpartition(".")[2]])

    async def common(request: Request) -> Response:
        del request
        return Response(_template("shared", "page.js"), media_type=_MEDIA_TYPES["js"])

    return [Route("/page.js", common, methods=["GET"]), *(Route(path, answer, methods=["GET"]) for path in files)]


def serve_page(make: Callable[[Set[str]], ASGIApp], port: int, ready: Callable[[str], None]) -> None:
    """Serve on loopback until SIGTERM or SIGINT.

    Args:
        make: gives the application for the values of Host under which it will be asked.
        port: of loopback; 0 for any that is free.
        ready: told the address, once it can be reached.

    Raises:
        Misconfigured: the port is taken.
    """
    with _listener(port) as listener:
        bound = listener.getsockname()[1]
        config = uvicorn.Config(
            make({f"{name}:{bound}" for name in (HOST, "localhost")}),
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
        ready(f"http://{HOST}:{bound}")
        uvicorn.Server(config).run(sockets=[listener])


async def small_body(request: Request, most_bytes: int) -> bytes | None:
    """What was sent; None where it is longer."""
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > most_bytes:
            return None
    return content


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"--port: expected {HOST}:{port} to be free, got {error.strerror}; choose another with --port"
        ) from None
    listener.listen()
    return listener


@lru_cache
def _template(package: str, name: str) -> bytes:
    return resources.files(package).joinpath("templates", name).read_bytes()
