"""The list of revoked devices outlives a registry that is put back: none that was signed is ever taken back."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.registry import Registry, RevocationList
from server.registry import revocation_list as module
from shared.enrolment import Revocations, sign_revocations
from shared.errors import StorageFailed
from shared.locks import is_locked
from tests.unit.server.registry.test_registry import NOW, device_key, join

OTHER = b"x" * 16
KEY = Ed25519PrivateKey.from_private_bytes(b"\xab" * 32)


@pytest.fixture
def place(tmp_path):
    Registry.create(tmp_path / "registry.sqlite")
    return tmp_path


@pytest.fixture
def registry(place):
    with Registry(place / "registry.sqlite") as opened:
        for number in (1, 2, 3):
            join(opened, opened.invite(NOW, 1), number, f"node {number}")
        yield opened


def the_list(place, registry):
    return RevocationList(place / "revocations.json", registry, lambda: KEY, lambda: NOW)


def identity(number):
    return device_key(number).device


def test_each_revocation_makes_a_longer_list_that_the_registry_signs(place, registry):
    kept = the_list(place, registry)
    assert (kept.current().sequence, kept.current().devices) == (0, frozenset())
    registry.revoke(identity(1).hex(), NOW)
    first = kept.current()
    first.verify(KEY.public_key().public_bytes_raw())
    assert (first.sequence, first.devices) == (1, {identity(1)})
    assert kept.current() is first
    assert Revocations.decode((place / "revocations.json").read_bytes()) == first


def test_a_registry_from_before_a_revocation_learns_of_it_again(place, registry):
    registry.revoke(identity(1).hex(), NOW)
    the_list(place, registry).current()
    with registry._database.writing() as connection:  # put back
        connection.execute("UPDATE device SET revoked_seconds = NULL")
    kept = the_list(place, registry)
    assert kept.undone() == {identity(1)}
    registry.revoke(identity(2).hex(), NOW)
    assert (kept.current().sequence, kept.current().devices) == (2, {identity(1), identity(2)})
    assert registry.revocations()[1] == {identity(1), identity(2)}
    assert kept.undone() == frozenset()


def test_lists_of_one_number_become_one_list_of_a_larger_number(place, registry):
    held = sign_revocations(KEY, 1, [identity(1)])
    registry.revoke(identity(2).hex(), NOW)
    both = the_list(place, registry).take_back(held)
    assert (both.sequence, both.devices) == (2, {identity(1), identity(2)})
    assert registry.revocations()[1] == both.devices
    assert the_list(place, registry).take_back(both) == both


@pytest.mark.parametrize(
    "damage", [b"", b"{}", sign_revocations(Ed25519PrivateKey.generate(), 1, [b"x" * 16]).encode()]
)
def test_a_file_that_this_server_did_not_sign_is_made_anew(place, registry, damage):
    registry.revoke(identity(1).hex(), NOW)
    (place / "revocations.json").write_bytes(damage)
    kept = the_list(place, registry)
    assert kept.current().devices == {identity(1)}
    assert Revocations.decode((place / "revocations.json").read_bytes()) == kept.current()


def test_a_full_disk_keeps_no_list_from_being_served(place, registry, monkeypatch):
    def full(path, content):
        raise StorageFailed("full")

    monkeypatch.setattr(module, "write_atomically", full)
    registry.revoke(identity(1).hex(), NOW)
    assert the_list(place, registry).current().devices == {identity(1)}


def test_what_devices_alone_knew_outlives_a_file_that_could_not_be_written(place, registry, monkeypatch):
    def full(path, content):
        raise StorageFailed("full")

    kept = the_list(place, registry)
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_atomically", full)
        kept.take_back(sign_revocations(KEY, 1, [OTHER]))
    registry.revoke(identity(1).hex(), NOW)
    assert kept.current().devices == {OTHER, identity(1)}
    assert the_list(place, registry).current() == kept.current()


def test_the_file_is_read_and_written_under_one_lock(place, registry, monkeypatch):
    locked = []

    def watched(does):
        def look(*given):
            locked.append(is_locked(place / "revocations.lock"))
            return does(*given)

        return look

    kept = the_list(place, registry)
    kept.current()
    monkeypatch.setattr(RevocationList, "_kept", watched(RevocationList._kept))
    monkeypatch.setattr(module, "write_atomically", watched(module.write_atomically))
    registry.revoke(identity(1).hex(), NOW)
    kept.current()
    kept.take_back(sign_revocations(KEY, 1, [OTHER]))
    assert locked == [True] * 4
    assert not is_locked(place / "revocations.lock")


def test_what_another_process_wrote_is_not_written_over(place, registry):
    gateway, command = the_list(place, registry), the_list(place, registry)
    gateway.current()
    command.take_back(sign_revocations(KEY, 1, [OTHER]))
    assert gateway.revoke(identity(1).hex()).revoked_seconds == NOW
    assert gateway.current().devices == {OTHER, identity(1)}


def test_a_device_that_is_revoked_while_a_list_is_made_is_on_the_next_one(place, registry, monkeypatch):
    kept, revoke_all = the_list(place, registry), registry.revoke_all

    def meanwhile(devices, now_seconds):
        registry.revoke(identity(2).hex(), NOW)  # by another process
        return revoke_all(devices, now_seconds)

    monkeypatch.setattr(registry, "revoke_all", meanwhile)
    registry.revoke(identity(1).hex(), NOW)
    kept.current()
    assert kept.current().devices == {identity(1), identity(2)}


def test_revoking_puts_a_device_into_the_registry_and_the_file(place, registry):
    row = the_list(place, registry).revoke(identity(1).hex())
    assert row.revoked_seconds == NOW
    assert Revocations.decode((place / "revocations.json").read_bytes()).devices == {identity(1)}


def test_a_device_on_the_list_that_became_a_member_meanwhile_is_revoked(place, registry):
    kept = the_list(place, registry)
    assert not kept.bars(identity(4))
    kept.take_back(sign_revocations(KEY, 1, [identity(4)]))
    join(registry, registry.invite(NOW, 1), 4, "node 4")
    assert kept.bars(identity(4))
    assert registry.device(identity(4).hex()).revoked_seconds == NOW
