"""What the gateway reads from and writes to the SuperLink's database, beside Flower's own state over the same file."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flwr.app import Message, RecordDict
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL, HEARTBEAT_PATIENCE, SUPERLINK_NODE_ID
from flwr.server.superlink.linkstate import LinkState, LinkStateFactory
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager

from server.flower import LinkDatabase
from server.home import Home, create_server
from shared.errors import NotYet

LASTING = HEARTBEAT_PATIENCE * HEARTBEAT_DEFAULT_INTERVAL


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


def flower_state(home: Home) -> LinkState:
    database = str(home.superlink_database)
    return LinkStateFactory(database, NoOpFederationManager(), ObjectStoreFactory(database)).state()


@pytest.fixture
def flower(home: Home) -> LinkState:
    return flower_state(home)


@pytest.fixture
def database(home: Home) -> Iterator[LinkDatabase]:
    opened = LinkDatabase(home)
    yield opened
    opened.close()


def node(flower: LinkState, key: bytes, seconds: float = HEARTBEAT_DEFAULT_INTERVAL) -> int:
    """One that has connected."""
    number = flower.create_node("nobody", "nobody", key, 0)
    assert flower.activate_node(number, seconds)
    return number


def send(flower: LinkState, number: int, ttl: float = 100.0) -> None:
    run = flower.create_run("a/b", "1", "f" * 64, {}, NOOP_FEDERATION_ID, None, "nobody", TaskType.SERVER_APP)
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = run, 1, SUPERLINK_NODE_ID
    message = Message(RecordDict(), number, "query.share", ttl=ttl)
    message.metadata.__dict__["_message_id"] = message.object_id
    assert flower.store_message_ins(message) is not None


def online(flower: LinkState) -> set[int]:
    return {found.node_id for found in flower.get_node_info(statuses=["online"])}


def test_a_node_has_messages_from_when_flower_stores_one_until_it_hands_it_out(
    flower: LinkState, database: LinkDatabase
) -> None:
    one, other = node(flower, b"one"), node(flower, b"other")
    assert database.nodes_with_messages() == frozenset()
    send(flower, one)
    assert database.nodes_with_messages() == {one}
    send(flower, other)
    assert database.nodes_with_messages() == {one, other}
    assert len(flower.get_message_ins(one, 1)) == 1
    assert database.nodes_with_messages() == {other}


def test_a_message_that_has_expired_is_none(flower: LinkState, home: Home) -> None:
    number, now = node(flower, b"one"), time.time()
    send(flower, number, ttl=100.0)
    moments = iter([now + 90, now + 110])
    database = LinkDatabase(home, lambda: next(moments))
    assert [database.nodes_with_messages() for _ in range(2)] == [{number}, frozenset()]
    database.close()


def test_it_notices_what_flower_writes_and_not_what_it_writes_itself(flower: LinkState, database: LinkDatabase) -> None:
    number = node(flower, b"one")
    assert [database.changed(), database.changed()] == [True, False]
    database.keep_present([number])
    assert not database.changed()
    assert flower.get_message_ins(number, 1) == []
    assert not database.changed()  # a question that finds nothing writes nothing
    send(flower, number)
    assert [database.changed(), database.changed()] == [True, False]


def test_a_node_is_kept_present_as_by_a_heartbeat(flower: LinkState, database: LinkDatabase) -> None:
    kept, other = node(flower, b"kept", 10), node(flower, b"other", 10)
    before = time.time()
    assert database.keep_present([kept, 5]) == {kept}
    until = {found.node_id: found.online_until for found in flower.get_node_info()}
    assert before + LASTING <= until[kept] <= time.time() + LASTING
    assert until[other] <= time.time() + HEARTBEAT_PATIENCE * 10
    assert online(flower) == {kept, other}


def test_who_has_gone_was_missed_never_came_or_was_unregistered_stays_away(
    flower: LinkState, database: LinkDatabase
) -> None:
    gone, missed, unregistered = node(flower, b"gone"), node(flower, b"missed", -1), node(flower, b"out")
    never = flower.create_node("nobody", "nobody", b"never", 0)
    flower.deactivate_node(gone)
    flower.delete_node("nobody", unregistered)
    assert database.keep_present([gone, missed, unregistered, never]) == frozenset()
    assert online(flower) == set()


def test_a_database_that_is_made_anew_is_opened_anew(home: Home, flower: LinkState, database: LinkDatabase) -> None:
    send(flower, node(flower, b"one"))
    assert len(database.nodes_with_messages()) == 1
    for path in home.flower.glob("superlink.sqlite*"):
        path.unlink()
    with pytest.raises(NotYet, match="could not be used now"):
        database.changed()
    flower_state(home)
    assert database.changed()
    assert database.nodes_with_messages() == frozenset()


def test_a_database_of_another_shape_means_not_now(home: Home, database: LinkDatabase) -> None:
    home.superlink_database.write_bytes(b"no database at all" * 100)
    for ask in (database.changed, database.nodes_with_messages, lambda: database.keep_present([1])):
        with pytest.raises(NotYet, match="could not be used now"):
            ask()
