"""What members give back to a server that may have lost it: how much of it is read, how often, and in which turn.

All of it bears this server's own signature, and is seldom wanted: after a restoration, once from each device. So it may
take little of what the server does at any other time.
"""

import asyncio
import time
from collections.abc import Callable

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.types import Receive, Scope

from server.gateway.joining import Enrolment
from server.gateway.limits import RateLimiter
from server.gateway.release_files import Shelf
from server.gateway.responses import HttpError
from server.registry import DeviceRow
from shared.enrolment import Receipt, Revocations
from shared.release import LARGEST_BYTES as LARGEST_PUBLICATION_BYTES

LARGEST_BYTES = {
    "publication": LARGEST_PUBLICATION_BYTES,
    "revocations": Revocations.largest_bytes,
    "receipt": Receipt.largest_bytes,
}
"""The largest body for each thing that is given back."""

_FURTHER_BYTES = 2**20  # by which a list may be longer than the own one: some 29,000 revocations were lost then
_PER_MINUTE = 10
_READ_AT_ONCE = 16  # bodies, so that those who send slowly keep few others waiting, and little memory
_WAIT_SECONDS = 5.0


class GivenBack:
    """Takes turns: a few bodies are read at once, and one is decided on."""

    def __init__(
        self,
        shelf: Shelf,
        enrolment: Enrolment,
        wait_seconds: float = _WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet.

        Args:
            shelf: takes publications.
            enrolment: takes lists of revoked devices, and receipts.
            wait_seconds: for which a request waits to be read.
            clock: monotonic seconds.
        """
        self._shelf, self._enrolment, self._wait_seconds = shelf, enrolment, wait_seconds
        self._often = RateLimiter(_PER_MINUTE, clock)
        self._reading, self._deciding = asyncio.Semaphore(_READ_AT_ONCE), asyncio.Lock()

    async def take(self, what: str, member: DeviceRow, scope: Scope, receive: Receive) -> bytes:
        """The answer to a member that gives something back.

        Args:
            what: a key of `LARGEST_BYTES`.
            member: who gives it.
            scope: of the request.
            receive: gives its body.

        Raises:
            HttpError: 429 for a device that gives back too often, 503 while too many do, 413 for what is too long, else
                as `Shelf.take_back`, `Enrolment.take_back_revocations` and `Enrolment.take_back_receipt`.
        """
        if not self._often.take(member.device):
            raise HttpError(429)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._reading.acquire()
        except TimeoutError:
            raise HttpError(503) from None
        try:
            body = await _read(scope, receive, await run_sync(self._largest_bytes, what))
            async with self._deciding:
                return await run_sync(self._decide, what, member, body)
        finally:
            self._reading.release()

    def _largest_bytes(self, what: str) -> int:
        if what != "revocations":
            return LARGEST_BYTES[what]
        return min(LARGEST_BYTES[what], len(self._enrolment.revocations()) + _FURTHER_BYTES)

    def _decide(self, what: str, member: DeviceRow, body: bytes) -> bytes:
        match what:
            case "publication":
                return self._shelf.take_back(body)
            case "revocations":
                return self._enrolment.take_back_revocations(body)
            case _:
                return self._enrolment.take_back_receipt(member, body)


async def _read(scope: Scope, receive: Receive, largest_bytes: int) -> bytes:
    body = bytearray()
    async for piece in Request(scope, receive).stream():
        body += piece
        if len(body) > largest_bytes:
            raise HttpError(413)
    return bytes(body)
