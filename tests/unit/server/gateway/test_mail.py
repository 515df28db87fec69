"""Devices wait at the gateway: who has a message hears of it at once, everybody else in the end, whatever is known."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.gateway import mail
from server.gateway.mail import MailRoom, MailWatch
from shared.errors import NotYet

LONG, AT_ONCE = 1000.0, 0.0


class Database:
    """The SuperLink's, as a test has it; `away` while it cannot be read."""

    def __init__(self) -> None:
        self.messages: frozenset[int] = frozenset()
        self.online: frozenset[int] = frozenset()
        self.kept: list[list[int]] = []
        self.away: Exception | None = None
        self.closed = False
        self.reads = 0
        self._seen: frozenset[int] | None = None

    def changed(self) -> bool:
        if self.away is not None:
            raise self.away
        before, self._seen = self._seen, self.messages
        return before != self.messages

    def nodes_with_messages(self) -> frozenset[int]:
        self.reads += 1
        return self.messages

    def keep_present(self, nodes: list[int]) -> frozenset[int]:
        self.kept.append(sorted(nodes))
        return self.online & frozenset(nodes)

    def close(self) -> None:
        self.closed = True


class Place:
    """A room, its watch and their clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.database = Database()
        self.room = MailRoom(lambda: self.now)
        self.watch = MailWatch(self.room, self.database, lambda: self.now)  # type: ignore[arg-type]

    async def waiting(self, node: int, seconds: float = LONG) -> "asyncio.Task[bool]":
        task = asyncio.ensure_future(self.room.wait(node, seconds))
        await asyncio.sleep(0)
        return task


@pytest.fixture
def place() -> Place:
    return Place()


def told(work: Callable[[], Awaitable[object]]) -> object:
    async def inside() -> object:
        return await work()

    return asyncio.run(inside())


def test_who_has_a_message_hears_of_it_at_once_and_the_others_go_on_waiting(place: Place) -> None:
    async def work() -> None:
        await place.watch.step()
        one, other = await place.waiting(1), await place.waiting(2)
        place.database.messages = frozenset({1})
        await place.watch.step()
        assert await one
        assert not other.done()
        other.cancel()

    told(work)


def test_who_asks_when_a_message_is_there_need_not_wait(place: Place) -> None:
    async def work() -> bool:
        place.database.messages = frozenset({1})
        await place.watch.step()
        return await place.room.wait(1, LONG)

    assert told(work)


def test_who_has_none_is_told_so_when_the_time_is_over(place: Place) -> None:
    async def work() -> bool:
        await place.watch.step()
        return await place.room.wait(1, AT_ONCE)

    assert told(work) is False


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("why", [NotYet("SuperLink: away"), TypeError("a fault of ours")])
def test_while_nobody_knows_who_has_messages_everybody_is_told_to_ask(place: Place, seen: bool, why: Exception) -> None:
    """The hint may be lost; messages must not be."""

    async def work() -> bool:
        if seen:
            await place.watch.step()
        place.database.away = why
        await place.watch.step()
        return await place.room.wait(1, AT_ONCE)

    assert told(work) is True


def test_who_waits_when_the_hint_is_lost_is_let_go_at_once_and_kept_present_no_more(place: Place) -> None:
    """Else a device would wait on in the belief that it is present, and send no heartbeat."""

    async def work() -> tuple[bool, bool]:
        place.database.online = frozenset({1})
        waiting = asyncio.create_task(place.room.wait(1, LONG))
        await asyncio.sleep(0)
        await place.watch.step()
        assert place.room.keeps_present(1)
        place.database.away = NotYet("SuperLink: away")
        await place.watch.step()
        return await asyncio.wait_for(waiting, 5), place.room.keeps_present(1)

    assert told(work) == (True, False)


def test_when_the_database_is_there_again_so_is_the_hint(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> bool:
        place.database.away = NotYet("SuperLink: away")
        for _ in range(3):
            await place.watch.step()
        place.database.away = None
        await place.watch.step()
        return await place.room.wait(1, AT_ONCE)

    with caplog.at_level("INFO", "hushrec.server"):
        assert told(work) is False
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2  # one line for three looks that failed, one for the end of it
    assert said[0].startswith("mail failed=")
    assert said[1] == "mail works_again=True"


def test_messages_are_read_when_something_has_changed_and_while_some_wait_to_expire(place: Place) -> None:
    async def work() -> None:
        for _ in range(5):
            await place.watch.step()
        assert place.database.reads == 1
        place.database.messages = frozenset({1})
        await place.watch.step()
        await place.watch.step()
        assert place.database.reads == 2
        place.now += mail._EXPIRY_SECONDS
        await place.watch.step()
        assert place.database.reads == 3

    told(work)


def test_what_a_node_has_asked_for_counts_as_handed_out(place: Place) -> None:
    async def work() -> tuple[bool, bool]:
        place.database.messages = frozenset({1, 2})
        await place.watch.step()
        place.room.pulled(1)
        return await place.room.wait(1, AT_ONCE), await place.room.wait(2, AT_ONCE)

    assert told(work) == (False, True)


def test_a_node_has_one_question_under_way(place: Place) -> None:
    async def work() -> None:
        await place.watch.step()
        first = await place.waiting(1)
        second = await place.waiting(1)
        assert await first is False
        assert not second.done()
        assert place.room.nodes() == [1]
        second.cancel()

    told(work)


def test_who_waits_is_kept_present_and_who_has_left_for_a_moment_only(place: Place) -> None:
    async def work() -> None:
        place.database.online = frozenset({1, 2})
        stays, leaves = await place.waiting(1), await place.waiting(2)
        await place.watch.step()
        assert [place.room.keeps_present(node) for node in (1, 2, 3)] == [True, True, False]
        leaves.cancel()
        await asyncio.sleep(0)
        place.now += mail._PRESENCE_SECONDS
        await place.watch.step()
        assert place.database.kept == [[1, 2], [1]]
        assert [place.room.keeps_present(node) for node in (1, 2)] == [True, False]
        stays.cancel()

    told(work)


def test_who_the_superlink_takes_for_gone_hears_at_once_that_it_is_kept_present_no_longer(place: Place) -> None:
    async def work() -> None:
        place.database.online = frozenset({1, 2})
        gone, stays = await place.waiting(1), await place.waiting(2)
        await place.watch.step()
        place.database.online = frozenset({2})
        place.now += mail._PRESENCE_SECONDS
        await place.watch.step()
        assert await gone is False
        assert not place.room.keeps_present(1)
        assert not stays.done()
        stays.cancel()

    told(work)


def test_who_says_good_bye_is_not_kept_present(place: Place) -> None:
    async def work() -> None:
        place.database.online = frozenset({1})
        leaving = await place.waiting(1)
        await place.watch.step()
        place.room.gone(1)
        assert await leaving is False
        assert place.room.nodes() == []
        assert not place.room.keeps_present(1)

    told(work)


def test_at_the_end_everybody_is_let_go_and_the_database_is_closed(place: Place) -> None:
    async def work() -> None:
        watching = asyncio.ensure_future(place.watch.run())
        waiting = await place.waiting(1)
        place.room.close()
        assert await waiting is False
        watching.cancel()
        await asyncio.wait((watching,))
        assert place.database.closed

    told(work)
