"""The page over HTTP, on this machine alone. What visitors do stays in their browser and comes with each question."""

import asyncio
from collections.abc import Callable, Set

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from client import Recommender, load_release
from shared.arguments import PathArgument
from shared.errors import HushrecError
from shared.local_page import PageGuard, file_routes, serve_page, small_body
from simulations.tryout.visitor import Visitor

_MOST_BODY_BYTES = 2**19
_LONGEST_WORDS = 200
_FILES = {"/": "try.html", "/try.js": "try.js", "/try.css": "try.css", "/words.json": "words.json"}


def make_page(visitor: Visitor, name: str, hosts: Set[str]) -> ASGIApp:
    """The page as an ASGI application.

    Args:
        visitor: answers it.
        name: of what is tried.
        hosts: the values of Host under which it may be asked.
    """
    one_at_a_time = asyncio.Lock()

    async def about(request: Request) -> Response:
        del request
        return JSONResponse({"name": name})

    async def find(request: Request) -> Response:
        words = request.query_params.get("words", "")[:_LONGEST_WORDS]
        return JSONResponse({"items": visitor.find(words)})

    async def offers(request: Request) -> Response:
        content = await small_body(request, _MOST_BODY_BYTES)
        if content is None:
            return JSONResponse({"error": {"code": "large", "message": "expected fewer words"}}, 413)
        async with one_at_a_time:
            return JSONResponse(await asyncio.to_thread(visitor.offers, content))

    return Starlette(
        routes=[
            *file_routes("simulations.tryout", _FILES),
            Route("/v1/about", about, methods=["GET"]),
            Route("/v1/items", find, methods=["GET"]),
            Route("/v1/offers", offers, methods=["POST"]),
        ],
        middleware=[Middleware(PageGuard, hosts=hosts)],
        exception_handlers={HushrecError: _explained},
    )


def serve_tryout(folder: PathArgument, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page of one release until SIGTERM or SIGINT.

    Args:
        folder: of the release.
        port: of loopback; 0 for any that is free.
        ready: told the address, once it can be reached.

    Raises:
        Misconfigured: the port is taken, or there is no release.
        Corrupt: the release is damaged.
    """
    installed = load_release(folder)
    visitor = Visitor(installed.release, Recommender(installed.release, installed.model))
    name = installed.release.federation.name
    serve_page(lambda hosts: make_page(visitor, name, hosts), port, ready)


async def _explained(request: Request, error: Exception) -> Response:
    del request
    code = error.code if isinstance(error, HushrecError) else "fault"
    return JSONResponse({"error": {"code": code, "message": str(error)}}, 422)
