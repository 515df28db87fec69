"""Holds the questions of devices that wait for messages, until there is one or their time is over (long polling).

Who has a message is read from the SuperLink's database, which stays the authority for what is handed out: a device is
told to ask there, and never what it would get. When the database cannot be read, every device is told to ask.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable

from anyio.to_thread import run_sync

from server.flower import LinkDatabase
from server.logs import log_line
from shared.errors import NotYet

_LOOK_SECONDS = 0.1  # from one look at the database to the next
_EXPIRY_SECONDS = 1.0  # messages expire without a change of the database
_PRESENCE_SECONDS = 15.0  # well within what a heartbeat counts for
_AWAY_SECONDS = 10.0  # for which who has just been answered counts as present


class MailRoom:
    """The devices that wait, by the numbers of their nodes. One event loop uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody waits, and nothing is known of any message.

        Args:
            clock: monotonic seconds.
        """
        self._clock = clock
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._left: dict[int, float] = {}  # since when who waited waits no more
        self._with_messages: frozenset[int] | None = None  # None while nobody knows
        self._kept: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"MailRoom({len(self._waiting)} waiting)"

    async def wait(self, node: int, seconds: float) -> bool:
        """Whether this node should ask the SuperLink: at once when there is a message, else after so many seconds.

        A node has one question under way: an earlier one of it is answered.
        """
        self._answer(node, False)
        self._left.pop(node, None)
        if self._with_messages is not None and node in self._with_messages:
            self._left[node] = self._clock()
            return True
        answer = self._waiting[node] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return self._with_messages is None
        finally:
            if self._waiting.get(node) is answer:
                del self._waiting[node]
                self._left[node] = self._clock()

    def keeps_present(self, node: int) -> bool:
        """Whether this node needs no heartbeat of its own while it waits here."""
        return node in self._kept

    def nodes(self) -> list[int]:
        """Numbers of the nodes that wait, or did a moment ago."""
        earliest = self._clock() - _AWAY_SECONDS
        self._left = {node: left for node, left in self._left.items() if left > earliest}
        return [*self._waiting, *self._left]

    def deliver(self, with_messages: frozenset[int]) -> None:
        """Let those go and ask that a message waits for; these are all there are."""
        self._with_messages = with_messages
        for node in with_messages & self._waiting.keys():
            self._answer(node, True)

    def forget_messages(self) -> None:
        """Nobody knows any more who has a message, and nobody is kept present: all who wait are told to ask."""
        self._with_messages, self._kept = None, frozenset()
        for node in list(self._waiting):
            self._answer(node, True)

    def keep(self, present: frozenset[int]) -> None:
        """These are kept present from now on; who was and is no more hears of it at once."""
        lapsed, self._kept = self._kept - present, present
        for node in lapsed:
            self._answer(node, False)

    def pulled(self, node: int) -> None:
        """A node asks the SuperLink: what waited for it counts as handed out until the next look says otherwise."""
        if self._with_messages is not None:
            self._with_messages -= {node}

    def gone(self, node: int) -> None:
        """A node says that it goes: it is kept present no longer."""
        self._answer(node, False)
        self._left.pop(node, None)
        self._kept -= {node}

    def close(self) -> None:
        """Let everybody go."""
        for node in list(self._waiting):
            self._answer(node, False)

    def _answer(self, node: int, mail: bool) -> None:
        answer = self._waiting.pop(node, None)
        if answer is not None:
            self._left[node] = self._clock()
            if not answer.done():
                answer.set_result(mail)


class MailWatch:
    """Tells a mail room what the SuperLink's database says."""

    def __init__(self, room: MailRoom, database: LinkDatabase, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at nothing yet.

        Args:
            room: is told.
            database: of the SuperLink.
            clock: monotonic seconds.
        """
        self._room, self._database, self._clock = room, database, clock
        self._known: frozenset[int] = frozenset()
        self._read_again = self._keep_again = -math.inf
        self._blind = False

    async def run(self) -> None:
        """Look, until cancelled."""
        try:
            while True:
                await self.step()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._database.close()

    async def step(self) -> None:
        """Look once. What cannot be read is said in one line of the log, and devices ask the SuperLink themselves."""
        try:
            await self._look()
        except NotYet as reason:
            self._forget(str(reason))
        except Exception as error:  # a fault of ours must not end the watch: it would be a hint lost without a word
            self._forget(type(error).__name__)
        else:
            if self._blind:
                log_line("mail", works_again=True)
            self._blind = False

    def _forget(self, why: str) -> None:
        self._room.forget_messages()
        self._read_again = self._keep_again = -math.inf
        if not self._blind:
            log_line("mail", logging.WARNING, failed=why)
        self._blind = True

    async def _look(self) -> None:
        now = self._clock()
        changed = await run_sync(self._database.changed)
        if changed or now >= self._read_again:
            self._known = await run_sync(self._database.nodes_with_messages)
            self._read_again = now + _EXPIRY_SECONDS if self._known else math.inf
            self._room.deliver(self._known)
        if now >= self._keep_again:
            self._keep_again = now + _PRESENCE_SECONDS
            nodes = self._room.nodes()
            self._room.keep(await run_sync(self._database.keep_present, nodes) if nodes else frozenset())
