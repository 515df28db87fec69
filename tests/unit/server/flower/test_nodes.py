"""Flower's list of nodes follows the registry."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.flower import reconcile_nodes
from server.registry import Registry
from shared.errors import NotYet
from shared.secure_sum import issue_certificate
from tests.support.asking_gateway import Person


class FakeControl:
    """A SuperLink's list of nodes."""

    def __init__(self) -> None:
        self.keys: dict[int, str] = {}
        self.asked = 0
        self.away = False

    def nodes(self) -> frozenset[int]:
        self.asked += 1
        return frozenset(self.keys)

    def register(self, key: str) -> int:
        if self.away:
            raise NotYet("away")
        number = 2**63 + len(self.keys)
        self.keys[number] = key
        return number

    def unregister(self, node_id: int) -> None:
        del self.keys[node_id]


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


def test_missing_nodes_are_registered_and_those_of_revoked_devices_are_not_left(registry: Registry) -> None:
    control, first, second = FakeControl(), joined(registry), joined(registry)
    assert sorted(reconcile_nodes(control, registry)) == sorted([first.device, second.device])
    assert set(control.keys) == {node_of(registry, first), node_of(registry, second)}
    assert reconcile_nodes(control, registry) == []

    registry.revoke(first.device, time.time())
    assert reconcile_nodes(control, registry) == [first.device]
    assert node_of(registry, first) is None
    assert set(control.keys) == {node_of(registry, second)}
    assert reconcile_nodes(control, registry, thoroughly=True) == []


def test_a_lost_database_of_flowers_is_filled_again_when_it_is_looked_at(registry: Registry) -> None:
    control, person = FakeControl(), joined(registry)
    reconcile_nodes(control, registry)
    control.keys.clear()
    assert reconcile_nodes(control, registry) == []
    assert control.asked == 0
    assert reconcile_nodes(control, registry, thoroughly=True) == [person.device]
    assert node_of(registry, person) in control.keys


def test_what_flower_does_not_take_now_it_takes_later(registry: Registry) -> None:
    control, person = FakeControl(), joined(registry)
    control.away = True
    with pytest.raises(NotYet):
        reconcile_nodes(control, registry)
    assert node_of(registry, person) is None
    control.away = False
    assert reconcile_nodes(control, registry) == [person.device]
