"""When a device asks for messages: told by its server, and within bounds that no server can move."""

import threading
from itertools import pairwise

import pytest

from client.supernode import mail
from client.supernode.mail import (
    BUSY_HELD_SECONDS,
    BUSY_PULL_SECONDS,
    HELD_SECONDS,
    IDLE_SECONDS,
    PULL_SECONDS,
    Mailbox,
)
from shared.enrolment import MailAnswer
from shared.errors import Corrupt, NotYet, Refused

BUSY_SECONDS = 0.5


class World:
    """A clock, an event whose waits pass at once, and a gateway that keeps questions as long as it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.asked: list[tuple[float, int]] = []
        self.news: list[MailAnswer | None] = []
        self.answer: MailAnswer | Exception = told()
        self.held_seconds = 0.0
        self.seen_present: list[bool] = []
        self.box = Mailbox(self, BUSY_SECONDS, self.news.append, clock=lambda: self.now, spread=lambda: 1.0)
        self.stop = Stop(self)

    def wait_for_mail(self, within_seconds: int) -> MailAnswer:
        self.asked.append((self.now, within_seconds))
        self.seen_present.append(self.box.kept_present)
        self.now += min(self.held_seconds, within_seconds)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def wait(self, busy: bool = False, answered: bool = False) -> bool:
        return self.box.wait(self.stop, busy, answered)


class Stop(threading.Event):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        self._world.pauses.append(timeout or 0.0)
        self._world.now += timeout or 0.0
        return self.is_set()


def told(mail: bool = False, present: bool = True) -> MailAnswer:
    return MailAnswer(mail=mail, present=present, publications=3, revocations=1)


@pytest.fixture
def world() -> World:
    return World()


def test_the_superlink_is_asked_when_the_server_says_so_and_not_otherwise(world: World) -> None:
    assert not world.wait()
    world.answer = told(mail=True)
    assert world.wait()
    assert world.news == [told(), told(mail=True)]


@pytest.mark.parametrize(("busy", "floor"), [(False, IDLE_SECONDS), (True, BUSY_SECONDS)])
def test_no_server_makes_a_device_ask_more_often_than_its_floor(world: World, busy: bool, floor: float) -> None:
    for says_mail in (False, True):
        world.answer, world.asked = told(mail=says_mail), []
        for _ in range(5):
            world.wait(busy)
        moments = [at for at, _ in world.asked]
        assert all(later - sooner >= floor for sooner, later in pairwise(moments))


def test_after_an_answer_the_next_question_comes_at_once(world: World) -> None:
    world.wait()
    world.pauses.clear()
    world.wait(answered=True)
    assert world.pauses == [0.0]


def test_devices_that_connect_together_do_not_stay_together(world: World) -> None:
    world.box._spread = lambda: 0.5
    for _ in range(3):
        world.wait()
    world.answer = NotYet("away")
    world.wait()
    world.answer = told()
    for _ in range(3):
        world.wait()
    short, spread, long = BUSY_HELD_SECONDS, HELD_SECONDS // 2, HELD_SECONDS
    assert [within for _, within in world.asked] == [short, spread, long, long, short, spread, long]


def test_no_server_holds_a_question_for_longer_than_the_device_lets_it(world: World) -> None:
    world.wait()
    world.wait()
    world.wait(busy=True)
    assert [within for _, within in world.asked] == [BUSY_HELD_SECONDS, HELD_SECONDS, BUSY_HELD_SECONDS]


@pytest.mark.parametrize(("busy", "longest"), [(False, PULL_SECONDS), (True, BUSY_PULL_SECONDS)])
def test_a_device_that_is_never_told_of_messages_asks_all_the_same(world: World, busy: bool, longest: float) -> None:
    """The hint fails open, whatever the server says and however long it holds questions."""
    world.held_seconds = 120.0
    due: list[float] = [world.now]
    while len(due) < 4:
        if world.wait(busy):
            due.append(world.now)
    gaps = [later - sooner for sooner, later in pairwise(due)]
    assert max(gaps) <= longest + (BUSY_HELD_SECONDS if busy else 120.0 + IDLE_SECONDS)
    assert min(gaps) >= 0.8 * longest


@pytest.mark.parametrize("failure", [NotYet("away"), Corrupt("no answer")], ids=lambda error: type(error).__name__)
def test_a_server_that_tells_nothing_is_asked_now_and_then_and_the_log_says_so_once(
    world: World, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world.answer = failure
    with caplog.at_level("INFO", "client.supernode"):
        assert [world.wait() for _ in range(3)] == [True] * 3
        world.answer = told()
        world.wait()
    assert world.pauses.count(pytest.approx(mail._BLIND_SECONDS * 1.2)) == 3
    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in said] == [
        "the server is asked for messages without being told of any", "the server tells of messages again",
    ]  # fmt: skip
    world.answer = failure
    world.pauses.clear()
    world.wait(busy=True)
    assert world.pauses[-1] == pytest.approx(mail._BUSY_BLIND_SECONDS * 1.2)


def test_a_server_that_does_not_know_the_device_says_so(world: World) -> None:
    world.answer = Refused("unknown", code="server-refuses")
    with pytest.raises(Refused):
        world.wait()
    world.box.refused()
    assert world.news == [None]
    assert not world.box.kept_present


def test_only_while_it_waits_is_a_device_kept_present_by_its_server(world: World) -> None:
    assert not world.box.kept_present
    world.wait()
    assert world.box.kept_present
    world.now += mail._ANSWERED_SECONDS
    assert not world.box.kept_present  # it works on something: its own heartbeats count again
    world.answer = told(present=False)
    world.wait()
    assert not world.box.kept_present
    assert world.seen_present == [False, True]  # while the questions were held
    world.wait()
    assert world.seen_present[-1] is False
    world.answer = NotYet("away")
    world.wait()
    assert not world.box.kept_present


def test_a_device_that_is_told_to_stop_asks_no_more(world: World) -> None:
    world.stop.set()
    assert not world.wait()
    assert not world.asked
