"""`python -m server.flower.superlink ...`: Flower's SuperLink, which then takes one call after the other.

Each call writes to its SQLite database, where those that collide sleep for up to a tenth of a second before they look
again: forty at a time, as Flower has it, mostly wait for each other.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from flwr.superlink import extensions
from flwr.superlink.cli.flower_superlink import flower_superlink


@asynccontextmanager
async def _one_call_at_a_time(app: FastAPI) -> AsyncIterator[None]:
    del app
    anyio.to_thread.current_default_thread_limiter().total_tokens = 1
    yield


def main() -> None:
    """Run the SuperLink as its own command does."""
    extensions.get_lifespan_contexts = lambda: (_one_call_at_a_time,)
    flower_superlink()


if __name__ == "__main__":
    main()
