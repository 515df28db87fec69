"""Every path there is and who may ask for it. What is not listed here does not exist, whoever asks."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.flower import Control, LinkDatabase
from server.gateway.fleet import Fleet
from server.gateway.given_back import GivenBack
from server.gateway.guard import GatewayGuard
from server.gateway.joining import Enrolment
from server.gateway.limits import RateLimiter
from server.gateway.mail import MailRoom, MailWatch
from server.gateway.members import Members
from server.gateway.release_files import Shelf
from server.gateway.responses import HttpError, json_response
from server.home import Home, Limits
from server.registry import DeviceRow
from shared.enrolment import MailAnswer

_Answering = Callable[[Scope, Receive, Send, tuple[str, ...]], Awaitable[None]]
_PIECE_BYTES = 65_536
_EVERYBODY = "everybody"
_AFTER, _WITHIN = b"after=", b"within="
_PROBES = "GET HEAD"  # uptime probes and load balancers ask without wanting a body; uvicorn sends none


class Gateway:
    """ASGI application without the guard in front of it; `make_gateway` makes the whole."""

    def __init__(
        self,
        home: Home,
        control: Control | None = None,
        superlink: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the registry and put the routes in place.

        Args:
            home: folder of the server.
            control: instead of the network, in tests.
            superlink: instead of the network, in tests.
            clock: seconds since 1970 UTC.

        Raises:
            Misconfigured, Corrupt: a key, the registry or the federation file cannot be read.
        """
        self._registry = home.registry()
        self._control = control or Control(home)
        self._fleet = Fleet(home, superlink)
        self._members = Members(self._registry, clock)
        self._enrolment = Enrolment(home, self._registry, self._control, clock)
        self._shelf = Shelf(home)
        self._given_back = GivenBack(self._shelf, self._enrolment)
        limits = home.settings.limits
        self._joins = RateLimiter(limits.joins_per_minute, time.monotonic)
        self._calls = RateLimiter(limits.requests_per_device_minute, time.monotonic)
        self._hold_seconds = home.settings.hold_seconds
        self.mail = MailRoom()
        self._watch = MailWatch(self.mail, LinkDatabase(home))
        self._routes: tuple[tuple[re.Pattern[str], str, _Answering], ...] = (
            (re.compile(r"/v1/fleet/([a-z-]+)"), "POST", self._pass_on),
            (re.compile(r"/health"), _PROBES, self._health),
            (re.compile(r"/ready"), _PROBES, self._ready),
            (re.compile(r"/v1/authority"), "GET", self._authority),
            (re.compile(r"/v1/join/offer"), "POST", self._offer),
            (re.compile(r"/v1/join"), "POST", self._join),
            (re.compile(r"/v1/rejoin"), "POST", self._rejoin),
            (re.compile(r"/v1/renew"), "POST", self._renew),
            (re.compile(r"/v1/leave"), "POST", self._leave),
            (re.compile(r"/v1/revocations"), "GET", self._revocations),
            (re.compile(r"/v1/receipt"), "GET", self._receipt),
            (re.compile(r"/v1/held/(publication|revocations|receipt)"), "POST", self._held),
            (re.compile(r"/v1/mail"), "GET", self._mail),
            (re.compile(r"/v1/releases/chain"), "GET", self._chain),
            (re.compile(r"/v1/releases/([0-9a-f]{64})/([a-z0-9][a-z0-9._-]{0,63})"), "GET", self._file),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            HttpError: one of the fixed answers instead.
        """
        for pattern, methods, answer in self._routes:
            found = pattern.fullmatch(scope["path"])
            if found is not None:
                if scope["method"] not in methods.split():
                    raise HttpError(405)
                takes = _AFTER if answer == self._chain else _WITHIN if answer == self._mail else None
                if scope["query_string"] and (takes is None or not scope["query_string"].startswith(takes)):
                    raise HttpError(404)
                return await answer(scope, receive, send, found.groups())
        raise HttpError(404)

    async def watch(self) -> None:
        """Look for messages that devices wait for, until cancelled."""
        await self._watch.run()

    async def close(self) -> None:
        """Let go of files and connections."""
        await self._fleet.close()
        self._control.close()
        self._registry.close()

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        member = await run_sync(self._members.node, dict(scope["headers"]))
        if not self._calls.take(member.device):
            raise HttpError(503)  # as the guard answers: Flower's client tries again after 503 alone
        if member.node_id is not None and words[0] == "pull-messages":
            self.mail.pulled(member.node_id)
        elif member.node_id is not None and words[0] == "deactivate-node":
            self.mail.gone(member.node_id)
        await self._fleet.passing(words[0], scope, receive, send)

    async def _health(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await json_response(b'{"status":"ok"}')(scope, receive, send)

    async def _ready(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        if not await self._fleet.answers():
            raise HttpError(503)
        await json_response(b'{"status":"ready"}')(scope, receive, send)

    async def _authority(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await json_response(self._enrolment.authority)(scope, receive, send)

    async def _offer(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._invited(self._enrolment.offer, scope, receive, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._invited(self._enrolment.join, scope, receive, send)

    async def _rejoin(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._invited(self._enrolment.rejoin, scope, receive, send)

    async def _renew(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        member = await self._member(scope)
        await json_response(await run_sync(self._enrolment.renew, member))(scope, receive, send)

    async def _leave(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        member = await self._member(scope)
        await json_response(await run_sync(self._enrolment.leave, member))(scope, receive, send)

    async def _revocations(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._member(scope)
        await json_response(await run_sync(self._enrolment.revocations))(scope, receive, send)

    async def _receipt(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        member = await self._member(scope)
        await json_response(await run_sync(self._enrolment.receipt, member))(scope, receive, send)

    async def _held(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        """What this server signed and a member gives back, as it may have been lost here."""
        member = await self._member(scope)
        await json_response(await self._given_back.take(words[0], member, scope, receive))(scope, receive, send)

    async def _mail(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        """Answer a device when a message waits for it, or when it has waited for long enough."""
        member = await self._member(scope)
        if member.node_id is None:
            raise HttpError(503)  # its node is registered in a moment
        within = float(scope["query_string"].removeprefix(_WITHIN) or self._hold_seconds)
        # Spread, so that devices that came together do not stay together.
        seconds = min(within, self._hold_seconds) * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, not a secret
        waiting = asyncio.ensure_future(self.mail.wait(member.node_id, seconds))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return leaving.result()
            mail = waiting.result()
        finally:
            waiting.cancel()
            leaving.cancel()
        publications, revocations = await run_sync(self._news)
        present = self.mail.keeps_present(member.node_id)
        answer = MailAnswer(mail=mail, present=present, publications=publications, revocations=revocations)
        await json_response(answer.encode())(scope, receive, send)

    def _news(self) -> tuple[int, int]:
        return self._shelf.publications(), self._enrolment.revocations_sequence()

    async def _chain(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._member(scope)
        after = int(scope["query_string"].removeprefix(_AFTER) or b"0")
        content = await run_sync(self._shelf.chain, after)
        await json_response(content, "application/x-ndjson")(scope, receive, send)

    async def _file(self, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]) -> None:
        await self._member(scope)
        path, size_bytes = await run_sync(self._shelf.file, words[0], words[1])
        await _send_file(path, size_bytes, send)

    async def _member(self, scope: Scope) -> DeviceRow:
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        member = await run_sync(self._members.device, scope["method"], target.decode("ascii"), header)
        if not self._calls.take(member.device):
            raise HttpError(429)
        return member

    async def _invited(self, ask: Callable[[bytes], bytes], scope: Scope, receive: Receive, send: Send) -> None:
        if not self._joins.take(_EVERYBODY):  # codes are not to be guessed, from however many addresses
            raise HttpError(429)
        body = await Request(scope, receive).body()
        await json_response(await run_sync(ask, body))(scope, receive, send)


def make_gateway(home: Home, **instead: Any) -> ASGIApp:
    """The whole ASGI application of one server, guard included.

    Args:
        home: folder of the server.
        instead: as `Gateway` takes them, in tests.

    Raises:
        Misconfigured, Corrupt: a key, the registry or the federation file cannot be read.
    """
    return guarded(Gateway(home, **instead), home.settings.limits)


def guarded(gateway: Gateway, limits: Limits) -> ASGIApp:
    """A gateway with the guard in front of it; it watches for messages as long as it is served."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await gateway(scope, receive, send)
            return
        await receive()
        watching = asyncio.ensure_future(gateway.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watching.cancel()
        await asyncio.wait((watching,))
        await gateway.close()
        await send({"type": "lifespan.shutdown.complete"})

    return GatewayGuard(app, limits.body_bytes, limits.requests_per_minute)


async def _left(receive: Receive) -> None:
    """Return when whoever asks has hung up; a request that has no body comes whole with its first message."""
    if (await receive())["type"] == "http.disconnect" or (await receive())["type"] == "http.disconnect":
        return
    await asyncio.Event().wait()


async def _send_file(path: Path, size_bytes: int, send: Send) -> None:
    headers = [
        (b"content-length", str(size_bytes).encode()),
        (b"content-type", b"application/octet-stream"),
        (b"x-content-type-options", b"nosniff"),
    ]
    async with await anyio.open_file(path, "rb") as stream:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece := await stream.read(_PIECE_BYTES):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
