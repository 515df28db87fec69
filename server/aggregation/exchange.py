"""Questions to devices and their answers as they come, within a deadline. It keeps no answer."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flwr.app import Message
from flwr.serverapp import Grid

POLL_SECONDS = 0.1
_PULLED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that deadlines are measured in; a simulation brings its own.

    Attributes:
        now: monotonic seconds.
        sleep: waits for so many.
        wall: seconds since 1970 UTC, in which certificates expire.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time


class Exchange:
    """One batch of questions under way. Replies are matched by the question they name: error replies name no device."""

    def __init__(self, grid: Grid, questions: Sequence[Message], clock: Clock) -> None:
        self._grid = grid
        self._clock = clock
        accepted = {message_id for message_id in grid.push_messages(questions) if message_id}
        self._open = {
            question.metadata.message_id: question.metadata.dst_node_id
            for question in questions
            if question.metadata.message_id in accepted
        }

    def __repr__(self) -> str:
        return f"Exchange({len(self._open)} open)"

    @property
    def open_nodes(self) -> list[int]:
        """Nodes whose answer has not come."""
        return list(self._open.values())

    def replies(
        self,
        seconds: float,
        straggler_seconds: float = math.inf,
        can_miss: Callable[[int], bool] = lambda missing: True,
    ) -> Iterator[tuple[int, Message]]:
        """(node asked, its first reply) pairs as they come, until all have come or `seconds` have passed.

        Few replies are pulled at once, so that a large cohort's answers never lie in memory together.

        Args:
            seconds: the longest it takes.
            straggler_seconds: after so many without a reply it ends too, if those still missing can be missed.
            can_miss: whether so many missing replies can be; asked whenever that time has passed.
        """
        end = self._clock.now() + seconds
        last = self._clock.now()
        while self._open:
            anything = False
            questions = list(self._open)
            for start in range(0, len(questions), _PULLED_AT_ONCE):
                pulled = set(questions[start : start + _PULLED_AT_ONCE])
                arrived = True
                while arrived and pulled:
                    arrived = False
                    for reply in list(self._grid.pull_messages(pulled)):
                        question = reply.metadata.reply_to_message_id
                        if question in pulled:
                            arrived = anything = True
                            pulled.discard(question)
                            yield self._open.pop(question), reply
                    if self._clock.now() >= end:
                        return
            if anything:
                last = self._clock.now()
                continue
            if self._clock.now() - last >= straggler_seconds and can_miss(len(self._open)):
                return
            self._clock.sleep(POLL_SECONDS)
