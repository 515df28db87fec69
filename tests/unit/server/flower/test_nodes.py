"""Flower's list of nodes follows the registry."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from server.flower import NodeReconciler, SetAside, forget_database
from server.home import create_server
from server.registry import Registry
from shared.errors import Misconfigured, NotYet
from shared.secure_sum import issue_certificate
from tests.support.asking_gateway import Person


class FakeControl:
    """A SuperLink's list of nodes."""

    def __init__(self) -> None:
        self.keys: dict[int, str] = {}
        self.numbers = count(2**63)
        self.asked = 0
        self.away = False
        self.gone: set[str] = set()  # keys that were unregistered here

    def nodes(self) -> frozenset[int]:
        self.asked += 1
        return frozenset(self.keys)

    def register(self, key: str) -> int:
        if self.away:
            raise NotYet("away")
        if key in self.gone:
            raise Misconfigured("node: unregistered")
        number = next(self.numbers)
        self.keys[number] = key
        return number

    def unregister(self, node_id: int) -> None:
        self.gone.add(self.keys.pop(node_id))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    Registry.create(tmp_path / "registry.sqlite")
    with Registry(tmp_path / "registry.sqlite") as opened:
        yield opened


def joined(registry: Registry) -> Person:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    person, now, key = Person(), time.time(), Ed25519PrivateKey.generate()
    request = person.request(registry.invite(now, 1))
    registry.join(
        request.code, request.device_key, request.node_key, now, 1, lambda *what: issue_certificate(key, *what)
    )
    return person


def node_of(registry: Registry, person: Person) -> int | None:
    row = registry.device(person.device)
    assert row is not None
    return row.node_id


def key_of(registry: Registry, person: Person) -> str:
    row = registry.device(person.device)
    assert row is not None
    return row.node_key


def test_missing_nodes_are_registered_and_those_of_revoked_devices_are_not_left(registry: Registry) -> None:
    control, first, second = FakeControl(), joined(registry), joined(registry)
    nodes = NodeReconciler(control, registry)
    assert sorted(nodes.reconcile()) == sorted([first.device, second.device])
    assert set(control.keys) == {node_of(registry, first), node_of(registry, second)}
    assert nodes.reconcile() == []

    registry.revoke(first.device, time.time())
    assert nodes.reconcile() == [first.device]
    assert node_of(registry, first) is None
    assert set(control.keys) == {node_of(registry, second)}
    assert nodes.reconcile(thoroughly=True) == []


def test_a_lost_database_of_flowers_is_filled_again_when_it_is_looked_at(registry: Registry) -> None:
    control, person = FakeControl(), joined(registry)
    nodes = NodeReconciler(control, registry)
    nodes.reconcile()
    control.keys.clear()
    assert nodes.reconcile() == []
    assert control.asked == 0
    assert nodes.reconcile(thoroughly=True) == [person.device]
    assert node_of(registry, person) in control.keys


def test_what_flower_does_not_take_now_it_takes_later(registry: Registry) -> None:
    control, person = FakeControl(), joined(registry)
    nodes = NodeReconciler(control, registry)
    control.away = True
    with pytest.raises(NotYet):
        nodes.reconcile()
    assert node_of(registry, person) is None
    control.away = False
    assert nodes.reconcile() == [person.device]
    assert nodes.set_aside == ()


def test_a_device_that_flower_unregistered_is_set_aside_and_the_others_go_on(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    control, expelled, other = FakeControl(), joined(registry), joined(registry)
    nodes = NodeReconciler(control, registry)
    nodes.reconcile()
    node = node_of(registry, expelled)
    assert node is not None
    control.unregister(node)
    late = joined(registry)
    assert nodes.reconcile(thoroughly=True) == [late.device]
    assert nodes.set_aside == (SetAside(expelled.device, "node: unregistered"),)
    assert nodes.reconcile(thoroughly=True) == nodes.reconcile() == []
    assert set(control.keys) == {node_of(registry, other), node_of(registry, late)}
    said = [record.getMessage() for record in caplog.records if "device-set-aside" in record.getMessage()]
    assert len(said) == 1  # not at every look
    assert expelled.device in said[0]
    assert "start the server again" in said[0]

    control.gone, control.keys = set(), {}  # another database
    assert expelled.device in nodes.reconcile(thoroughly=True)
    assert nodes.set_aside == ()
    assert node_of(registry, expelled) in control.keys


def test_a_device_that_never_had_a_node_is_set_aside_too_and_let_go_once_it_is_revoked(registry: Registry) -> None:
    control, refused = FakeControl(), joined(registry)
    nodes = NodeReconciler(control, registry)
    control.gone.add(key_of(registry, refused))
    assert nodes.reconcile(thoroughly=True) == nodes.reconcile() == []
    assert [one.device for one in nodes.set_aside] == [refused.device]
    registry.revoke(refused.device, time.time())
    nodes.reconcile()
    assert nodes.set_aside == ()


def test_another_database_begins_with_none_of_the_old_ones_files(tmp_path: Path) -> None:
    home = create_server(tmp_path / "server")
    for name in ("superlink.sqlite", "superlink.sqlite-wal", "superlink.sqlite-shm"):
        (home.flower / name).write_bytes(b"x")
    forget_database(home)
    forget_database(home)
    assert [path.name for path in home.flower.iterdir()] == ["home"]
