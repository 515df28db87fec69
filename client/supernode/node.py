"""One device as a node of the server's federation: takes messages, hands them to the installed app, gives replies back.

No message can end it or keep it: what fails is said in one line of its log and, without a word, in an error reply.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from flwr.app import Context, Message, RecordDict
from flwr.app.error import Error
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode

from client.supernode.fleet import HEARTBEAT_SECONDS, FleetClient, Incoming
from client.supernode.mail import Mailbox
from shared.errors import Corrupt, HushrecError, NotYet, Refused

_LOGGER = logging.getLogger("client.supernode")

BUSY_SECONDS = 60.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 15.0
_STRANGER_WAIT_SECONDS = 60.0
_TRIES_TO_REPLY = 5


class RoundKeeper(Protocol):
    """What knows of the round under way: see `RoundProxy`."""

    @property
    def under_way(self) -> bool:
        """Whether a round waits for its next message."""
        ...

    def expire(self) -> None:
        """Give a round up whose next message is too late."""
        ...


class Node:
    """Runs until it is told to stop."""

    def __init__(
        self,
        fleet: FleetClient,
        app: ClientApp,
        bundle: str,
        rounds: "RoundKeeper",
        mailbox: Mailbox,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put a node together; it does not connect yet.

        Args:
            fleet: speaks to the SuperLink for this node.
            app: answers messages.
            bundle: hash of the only app bundle whose runs are answered: the one that names this version's own code.
            rounds: tells whether a round is under way, and gives up one whose next message is late.
            mailbox: waits for messages.
            clock: monotonic seconds.
        """
        self._fleet, self._app, self._bundle, self._rounds = fleet, app, bundle, rounds
        self._mailbox, self._clock = mailbox, clock
        self._busy_until = 0.0
        self._bundles: dict[int, str] = {}  # of the runs asked about
        self._unread = ""  # why the last message was not read

    def run(self, stop: threading.Event) -> None:
        """Connect, answer, connect again; until `stop`."""
        failures = 0
        while not stop.is_set():
            try:
                self._fleet.activate()
                _LOGGER.info("connected")
                failures = 0
                self._answer_all(stop)
            except HushrecError as reason:
                failures += 1
                if isinstance(reason, Refused):
                    self._mailbox.refused()
                wait = _wait_seconds(reason, failures)
                _LOGGER.warning("%s; trying again in %.0f s", _one_line(reason), wait)
                self._rounds.expire()
                stop.wait(wait)

    def step(self) -> bool:
        """Answer one message; False when there is none.

        Raises:
            NotYet, Refused: the server cannot be reached, or does not know this device.
        """
        self._rounds.expire()
        try:
            incoming = self._fleet.pull()
        except Corrupt as reason:
            if str(reason) != self._unread:  # not at every look
                _LOGGER.warning("a message was not read: %s", _one_line(reason))
            self._unread = str(reason)
            return False
        self._unread = ""
        if incoming is None:
            return False
        self._busy_until = self._clock() + BUSY_SECONDS
        try:
            self._give_back(self._reply(incoming), incoming.head)
        except HushrecError as reason:  # the run is over, say, or the message was not whole
            _LOGGER.warning("a message was not answered: %s", _one_line(reason))
        self._busy_until = self._clock() + BUSY_SECONDS
        return True

    @property
    def busy(self) -> bool:
        """Whether a round is under way, or a message came within the last minute."""
        return self._rounds.under_way or self._clock() < self._busy_until

    def _answer_all(self, stop: threading.Event) -> None:
        """Answer messages until the connection fails, telling the server from time to time that the device is there."""
        over = threading.Event()
        lost: list[HushrecError] = []
        beating = threading.Thread(target=self._beat, args=(over, lost), name="heartbeat", daemon=True)
        beating.start()
        failures, due = 0, True
        try:
            while not stop.is_set() and not lost:
                try:
                    answered = due and self.step()
                    failures = 0
                except NotYet as reason:  # a server that restarts knows this node again
                    failures += 1
                    wait = _wait_seconds(reason, failures)
                    _LOGGER.warning("%s; trying again in %.0f s", _one_line(reason), wait)
                    stop.wait(wait)
                    continue
                self._rounds.expire()
                due = self._mailbox.wait(stop, self.busy, answered)
        finally:
            over.set()
        if lost:
            raise lost[0]
        try:
            self._fleet.deactivate()
        except HushrecError as reason:
            _LOGGER.info("the server was not told that this device goes: %s", _one_line(reason))

    def _beat(self, over: threading.Event, lost: list[HushrecError]) -> None:
        while not over.wait(HEARTBEAT_SECONDS * random.uniform(0.8, 1.0)):  # noqa: S311 - jitter, not a secret
            if self._mailbox.kept_present:
                continue
            try:
                self._fleet.heartbeat()
            except NotYet as reason:
                _LOGGER.info("%s", _one_line(reason))
            except HushrecError as reason:
                lost.append(reason)
                return

    def _reply(self, incoming: Incoming) -> Message:
        """What the app answers; an error without a word where it cannot."""
        head = incoming.head
        try:
            self._check_bundle(head.metadata.run_id)
            message = self._fleet.content(incoming)
        except HushrecError as reason:
            _LOGGER.warning("refused: %s", _one_line(reason))
            return _failure(head)
        # A context that nobody keeps: nothing of one message is there at the next.
        context = Context(head.metadata.run_id, head.metadata.dst_node_id, {}, RecordDict(), {})
        try:
            return self._app(message, context)
        except Exception as error:  # why, the app has said in this device's own log
            _LOGGER.warning("%s: no answer (%s)", _kind(message), type(error).__name__)
            return _failure(message)

    def _check_bundle(self, run: int) -> None:
        if run not in self._bundles:
            if len(self._bundles) >= 64:
                self._bundles.clear()
            self._bundles[run] = self._fleet.bundle_of(run)
        if self._bundles[run] != self._bundle:
            raise Refused(
                f"run {run}: expected the bundle {self._bundle[:12]} of the installed version, got "
                f"{self._bundles[run][:12]!r}; nothing of it was fetched",
                code="protocol-version",
            )

    def _give_back(self, reply: Message, question: Message) -> None:
        """Send a reply, more than once where the server is away for a moment."""
        for tries in range(1, _TRIES_TO_REPLY + 1):
            try:
                return self._fleet.push(reply, question)
            except NotYet as reason:
                if tries == _TRIES_TO_REPLY:
                    raise
                wait = _wait_seconds(reason, tries)
                _LOGGER.info("%s; trying again in %.1f s", _one_line(reason), wait)
                time.sleep(wait)


def _failure(message: Message) -> Message:
    return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION), reply_to=message)


def _wait_seconds(reason: HushrecError, failures: int) -> float:
    """Doubling, spread so that devices do not come back all at once; a stranger need not ask often."""
    longest = _LONGEST_WAIT_SECONDS if isinstance(reason, NotYet) else _STRANGER_WAIT_SECONDS
    wait = min(longest, _FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16))
    return float(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def _kind(message: Message) -> str:
    """The kind of a message as far as it is one that has a name here; the rest is the server's text."""
    kind = message.metadata.message_type
    return kind if kind.isascii() and kind.replace(".", "").isalpha() and len(kind) < 32 else "a message"


def _one_line(reason: HushrecError) -> str:
    return f"[{reason.code}] " + " ".join(str(reason).split())[:400]
