"""`python -m server.flower.superlink ...`: Flower's SuperLink without what costs every call and is of no use here.

Its calls are answered one after the other: each writes to its SQLite database, where those that collide sleep before
they look again. Middlewares that do nothing without a plugin, an account or tracing are left out; whoever checks who
asks stays.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
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
from starlette.middleware import Middleware

_WITHOUT_EFFECT = (
    ControlEventLogMiddleware,
    ControlLicenseMiddleware,
    ControlSensitiveResponseMiddleware,
    FleetEventLogMiddleware,
    RuntimeTracingMiddleware,
)
_all_middleware = superlink._get_middleware


def middleware() -> list[Middleware]:
    """What stands in front of every call of the SuperLink, outermost first."""
    return [one for one in _all_middleware() if one.cls not in _WITHOUT_EFFECT]


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
    main()
