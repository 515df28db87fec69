"""Calls spread over this process and its helpers; what a lost helper had in hand is done again."""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from client.workers import Ended
from shared.files import write_atomically
from simulations.cohort.helpers import Helper, Helpers
from simulations.cohort.shard import ShardWorker

R = TypeVar("R")

_LONGEST_SECONDS = 24 * 3600.0
_LOGGER = logging.getLogger(__name__)


class WorkerPool:
    """A `ShardWorker` of this process, and one in each helper.

    Helpers take their seconds to start; until one is ready, this process works. In place of one that is lost comes
    another. They end with `close`, or with this process.

    Attributes:
        own: the worker of this process.
    """

    def __init__(self, home: Path, seed: int, helpers: Helpers, accelerator: torch.device) -> None:
        """Start the helpers over a run's work folder; see `ShardWorker`."""
        self.own = ShardWorker(home, seed, accelerator)
        self._open, self._source = (home, seed, accelerator), helpers
        self._turn = threading.Lock()  # over all that follows
        self._work = threading.Condition(self._turn)  # what helpers wait for
        self._news = threading.Condition(self._turn)  # what their callers wait for
        self._helpers: dict[int, Helper] = {}
        self._starting, self._ready, self._closed = helpers.count, 0, False
        self._spread: _Spread[Any] | None = None
        self._failure: BaseException | None = None  # of a helper that could not start
        # Of a fresh name: who sees it sees this very folder, not another of the same name on another machine.
        self._mark = home / f"seen-{secrets.token_hex(8)}"
        if helpers.count:
            write_atomically(self._mark, b"")
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True) for number in range(helpers.count)
        ]
        for thread in self._threads:
            thread.start()

    def __repr__(self) -> str:
        return f"WorkerPool({self.size})"

    @property
    def size(self) -> int:
        """How many work at a time, once all are ready."""
        return self._source.count + int(self._source.beside_this_process)

    def wait(self) -> None:
        """Return once every helper is ready, or has ended."""
        with self._turn:
            self._news.wait_for(lambda: not self._starting)

    def close(self) -> None:
        """End the helpers."""
        with self._turn:
            self._closed = True
            self._work.notify_all()
            helpers = list(self._helpers.values())
        for helper in helpers:
            helper.stop()
        for thread in self._threads:
            thread.join()
        self._source.close()
        self._mark.unlink(missing_ok=True)

    def spread(self, method: Callable[..., R], asked: Sequence[tuple[object, ...]]) -> list[R]:
        """What a method of `ShardWorker` returns for each of these arguments; whoever is free takes the next.

        Raises:
            BaseException: what the method raised on any of them, or what kept a helper from starting.
        """
        spread = _Spread(method, asked)
        with self._turn:
            self._spread = spread
        try:
            while (place := self._own_place(spread)) is not None:
                spread.run(place, lambda _, *given: method(self.own, *given))
        finally:
            with self._turn:
                self._spread = None
        if spread.failure is not None:
            raise spread.failure
        return [spread.results[place] for place in range(len(asked))]

    def _own_place(self, spread: "_Spread[R]") -> int | None:
        """Where this process is to work next, once it is; None as soon as there is nothing to wait for."""
        with self._turn:
            while not spread.over:
                if self._failure is not None:
                    raise self._failure
                alone = self._source.beside_this_process or not self._ready
                place = spread.waiting.popleft() if spread.waiting and alone else None
                if spread.waiting:
                    self._work.notify_all()
                if place is not None:
                    return place
                self._news.wait()
        return None

    def _serve(self, number: int) -> None:
        """Keep a helper busy until the pool is closed, and one lost after the other its successor."""
        while (helper := self._started(number)) is not None:
            lost = self._keep_busy(helper)
            if lost is None:
                return
            helper.stop()
            left = self._ready or "none, this process works until one is back"
            _LOGGER.warning("helper-lost helper=%d reason=%r left=%s; its part is done again", number, str(lost), left)

    def _started(self, number: int) -> Helper | None:
        """A helper that is ready; None where there will be none."""
        helper: Helper | None = None
        failure: BaseException | None = None
        try:
            with self._turn:
                if not self._closed:
                    helper = self._helpers[number] = self._source.start(number, *self._open)
            if helper is not None:
                helper.call(_LONGEST_SECONDS, ShardWorker.ready, self._mark.name)
        except (Ended, TimeoutError) as error:  # stopped before it was ever needed, or no machine has room for it
            if not self._closed:
                _LOGGER.warning("helper-lost helper=%d reason=%r; it never was ready", number, str(error))
            helper = None
        except BaseException as error:
            helper, failure = None, error
        with self._turn:
            self._starting -= 1
            self._ready += helper is not None
            self._failure = self._failure or failure
            self._news.notify_all()
        return helper

    def _keep_busy(self, helper: Helper) -> Ended | None:
        """Have a helper work until it is lost, which is told, or the pool is closed."""
        while True:
            with self._turn:
                while not self._closed and (self._spread is None or not self._spread.waiting or self._spread.over):
                    self._work.wait()
                if self._closed or self._spread is None:
                    return None
                spread, place = self._spread, self._spread.waiting.popleft()
            try:
                spread.run(place, lambda *given: helper.call(_LONGEST_SECONDS, *given))
            except Ended as ended:
                with self._turn:
                    spread.waiting.appendleft(place)
                    self._ready -= 1
                    if self._closed:
                        return None
                    self._starting += 1
                    self._work.notify_all()
                    self._news.notify_all()
                return ended
            with self._turn:
                self._news.notify_all()


class _Spread(Generic[R]):
    """One method and all that it is asked.

    Attributes:
        waiting: places that nobody works on yet.
        results: by place.
        failure: the first.
    """

    def __init__(self, method: Callable[..., R], asked: Sequence[tuple[object, ...]]) -> None:
        self._method, self._asked = method, asked
        self.waiting = deque(range(len(asked)))
        self.results: dict[int, R] = {}
        self.failure: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.failure is not None or len(self.results) == len(self._asked)

    def run(self, place: int, call: Callable[..., R]) -> None:
        """Have the method called with what it is asked at a place.

        Raises:
            Ended: whoever was called is no more.
        """
        try:
            self.results[place] = call(self._method, *self._asked[place])
        except Ended:
            raise
        except BaseException as error:
            self.failure = self.failure or error
