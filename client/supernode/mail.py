"""When a node asks the SuperLink for a message: when the gateway says that there may be one, and now and then anyway.

The gateway holds the question until there is one. What it says is a hint: the shortest time between two questions, the
longest that one may be held, and the longest without asking the SuperLink itself are this device's, whatever is said.
None of them depends on the person's log.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from shared.enrolment import MailAnswer
from shared.errors import Corrupt, NotYet

_LOGGER = logging.getLogger("client.supernode")

IDLE_SECONDS = 5.0  # shortest time between two questions without an answer
HELD_SECONDS = 240  # longest that a question may be held
BUSY_HELD_SECONDS = 20  # the same in a round, whose next message must not wait for long if nobody tells of it
PULL_SECONDS, BUSY_PULL_SECONDS = 600.0, 15.0  # longest without asking the SuperLink itself, also in a round
_BLIND_SECONDS, _BUSY_BLIND_SECONDS = 30.0, 5.0  # about so long between two while the gateway does not answer
_ANSWERED_SECONDS = 5.0  # for which the last answer still speaks for this device

News = Callable[[MailAnswer | None], None]
"""Told what the server said, None when it does not know this device."""


class Waits(Protocol):
    """The node's connection."""

    def wait_for_mail(self, within_seconds: int) -> MailAnswer:
        """See `FleetClient.wait_for_mail`."""
        ...


class Mailbox:
    """Waits for messages of one node. Whether it is kept present may be asked from another thread."""

    def __init__(
        self,
        gateway: Waits,
        busy_seconds: float,
        news: News = lambda told: None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """Wait for nothing yet.

        Args:
            gateway: is asked.
            busy_seconds: shortest time between two questions without an answer in a round.
            news: is told of each answer, and of a refusal.
            clock: monotonic seconds.
            spread: uniform from 0 to 1, so that devices that started together do not ask together.
        """
        self._gateway, self._busy_seconds, self._news = gateway, busy_seconds, news
        self._clock, self._spread = clock, spread
        self._pulled_at = clock()
        self._pull_seconds = PULL_SECONDS * spread()
        self._asked_at = self._answered_at = -math.inf
        self._waiting = self._present = False
        self._spreads = True
        self._failed = ""

    def __repr__(self) -> str:
        return f"Mailbox({'waiting' if self._waiting else 'at rest'})"

    @property
    def kept_present(self) -> bool:
        """Whether the server takes this device for present without a heartbeat of its own."""
        return self._present and (self._waiting or self._clock() < self._answered_at + _ANSWERED_SECONDS)

    def wait(self, stop: threading.Event, busy: bool, answered: bool) -> bool:
        """Ask the gateway once; whether the SuperLink is to be asked now.

        Args:
            stop: ends the pauses between two questions.
            busy: a round is under way, or was a moment ago.
            answered: a message was answered since the last question, so that the next may come at once.

        Raises:
            Refused: the server does not know this device.
        """
        pause = 0.0 if answered else (self._busy_seconds if busy else IDLE_SECONDS)
        if stop.wait(max(self._asked_at + pause - self._clock(), 0.0)):
            return False
        self._asked_at = self._clock()
        longest = BUSY_HELD_SECONDS if busy or not self._present else self._longest_seconds()
        try:
            self._waiting = True
            told = self._gateway.wait_for_mail(longest)
        except (NotYet, Corrupt) as reason:
            self._present, self._spreads = False, True
            self._say(" ".join(str(reason).split())[:400])
            return not stop.wait((_BUSY_BLIND_SECONDS if busy else _BLIND_SECONDS) * (0.2 + self._spread()))
        finally:
            self._waiting = False
        self._say("")
        self._present, self._answered_at = told.present, self._clock()
        self._news(told)
        due = told.mail or self._clock() >= self._pulled_at + (BUSY_PULL_SECONDS if busy else self._pull_seconds)
        if due:
            self._pulled_at, self._pull_seconds = self._clock(), PULL_SECONDS * (0.8 + 0.2 * self._spread())
        return due

    def refused(self) -> None:
        """The server does not know this device, or no longer: it may have lost it, which is for others to mend."""
        self._present = False
        self._news(None)

    def _longest_seconds(self) -> int:
        """How long the next question may be held: the first one of a connection any time, so that devices spread."""
        spreads, self._spreads = self._spreads, False
        return max(BUSY_HELD_SECONDS, round(HELD_SECONDS * self._spread())) if spreads else HELD_SECONDS

    def _say(self, failed: str) -> None:
        """Say what failed in one line, and not again and again."""
        if failed and failed != self._failed:
            _LOGGER.warning("the server is asked for messages without being told of any: %s", failed)
        elif self._failed and not failed:
            _LOGGER.info("the server tells of messages again")
        self._failed = failed
