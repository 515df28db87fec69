"""The registry's contract: codes work once, the same question has the same answer, what ended stays ended."""

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.registry import Registry
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import Identity, issue_certificate, verify_certificate

NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400
KEY = Ed25519PrivateKey.from_private_bytes(b"\xaa" * 32)
SIGN = partial(issue_certificate, KEY)


def device_key(number: int) -> Identity:
    return Identity(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def node_key() -> str:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Registry.create(tmp_path / "registry.sqlite")
    return tmp_path / "registry.sqlite"


@pytest.fixture
def registry(path: Path):
    with Registry(path) as opened:
        yield opened


def join(registry, code, number=1, node="node 1", now=NOW):
    return registry.join(code, device_key(number).public_key, node, now, 365, SIGN)


def test_a_code_becomes_a_certificate_that_the_registry_vouches_for(registry):
    code = registry.invite(NOW, 72, "Ada's telephone")
    node = node_key()
    certificate = registry.join(code, device_key(1).public_key, node, NOW + 5, 365, SIGN)
    verify_certificate(KEY.public_key().public_bytes_raw(), device_key(1).public_key, certificate, NOW + 364 * DAY)
    row = registry.device(device_key(1).device.hex())
    assert (row.public_key, row.node_key, row.node_id) == (device_key(1).public_key, node, None)
    assert (row.joined_seconds, row.expiry_seconds) == (NOW + 5, NOW + 5 + 365 * DAY)
    assert (row.certificate, row.revoked_seconds) == (certificate.encode(), None)
    assert registry.devices() == (row,)


def test_each_code_is_another_16_random_bytes_and_only_its_hash_is_kept(registry, path):
    codes = {registry.invite(NOW, 72) for _ in range(50)}
    assert len(codes) == 50
    assert {len(code) for code in codes} == {16}
    registry.close()
    content = path.read_bytes()
    for code in codes:
        assert code not in content
        assert code.hex().encode() not in content


def test_the_same_code_with_the_same_keys_has_the_same_answer_at_any_time(registry):
    code = registry.invite(NOW, 72)
    first = join(registry, code)
    assert join(registry, code, now=NOW + 80 * HOUR) == first
    assert len(registry.devices()) == 1


@pytest.mark.parametrize("case", ["unknown", "expired", "used, other device", "used, other node", "known device",
                                  "known node", "revoked"])  # fmt: skip
def test_every_code_that_does_not_count_is_refused_in_the_same_words(registry, case):
    code, more = registry.invite(NOW, 72), registry.invite(NOW, 72)
    join(registry, code)
    if case == "revoked":
        registry.revoke(device_key(1).device.hex(), NOW)
    attempts = {
        "unknown": partial(join, registry, bytes(16), 2, "node 2"),
        "expired": partial(join, registry, more, 2, "node 2", NOW + 72 * HOUR),
        "used, other device": partial(join, registry, code, 2, "node 1"),
        "used, other node": partial(join, registry, code, 1, "node 2"),
        "known device": partial(join, registry, more, 1, "node 2"),
        "known node": partial(join, registry, more, 2, "node 1"),
        "revoked": partial(join, registry, code),
    }
    with pytest.raises(Refused) as caught:
        attempts[case]()
    assert str(caught.value) == (
        "invitation: expected one that is valid and unused, got another; ask the operator for a new one"
    )
    assert len(registry.devices()) == 1
    assert join(registry, more, 3, "node 3", NOW + 72 * HOUR - 1)  # no failed attempt has used it up


def test_the_offer_is_for_holders_of_a_code_that_has_not_expired(registry):
    code = registry.invite(NOW, 72)
    assert registry.offerable(code, NOW + 72 * HOUR - 1)
    assert not registry.offerable(code, NOW + 72 * HOUR)
    assert not registry.offerable(bytes(16), NOW)
    join(registry, code)
    assert registry.offerable(code, NOW)  # its answer may have got lost
    registry.revoke(device_key(1).device.hex(), NOW)
    assert not registry.offerable(code, NOW)


def test_a_failed_signature_uses_nothing_up(registry):
    code = registry.invite(NOW, 72)

    def broken(public_key: bytes, expiry_seconds: int):
        raise Corrupt("no key")

    with pytest.raises(Corrupt, match="no key"):
        registry.join(code, device_key(1).public_key, "node 1", NOW, 365, broken)
    assert registry.devices() == ()
    assert registry.invitations()[0].devices == ()
    assert join(registry, code)


def test_invitations_are_listed_with_who_used_them_and_never_with_a_code(registry):
    code = registry.invite(NOW, 1, "first")
    registry.invite(NOW + 1, 2.5, "second")
    join(registry, code)
    first, second = registry.invitations()
    assert (first.note, first.created_seconds, first.expires_seconds) == ("first", NOW, NOW + HOUR)
    assert (first.seats, first.devices) == (1, (device_key(1).device.hex(),))
    assert (second.note, second.expires_seconds, second.devices) == ("second", NOW + 1 + 9000, ())


def test_a_group_s_code_has_so_many_seats_and_nobody_takes_two(registry):
    code = registry.invite(NOW, 72, "book club", seats=3)
    first = join(registry, code, 1, "node 1")
    assert join(registry, code, 1, "node 1") == first
    for attempt in ((1, "node 2"), (2, "node 1")):  # a key of a member
        with pytest.raises(Refused, match="invitation: expected one that is valid"):
            join(registry, code, *attempt)
    join(registry, code, 2, "node 2")
    with pytest.raises(Refused, match="invitation: expected one that is valid"):
        join(registry, code, 3, "node 3", NOW + 72 * HOUR)
    join(registry, code, 3, "node 3")
    with pytest.raises(Refused, match="invitation: expected one that is valid"):
        join(registry, code, 4, "node 4")
    (row,) = registry.invitations()
    assert (row.note, row.seats, row.is_used_up) == ("book club", 3, True)
    assert set(row.devices) == {device_key(number).device.hex() for number in (1, 2, 3)}
    for number in (1, 2):
        registry.revoke(device_key(number).device.hex(), NOW)
        assert registry.offerable(code, NOW)  # the third one's answer may have got lost
    registry.revoke(device_key(3).device.hex(), NOW)
    assert not registry.offerable(code, NOW)
    with pytest.raises(Refused, match="invitation: expected one that is valid"):
        join(registry, code, 5, "node 5")  # a seat that was left is not free again


def test_of_a_group_s_code_the_seats_that_are_left_end_with_it(registry):
    code = registry.invite(NOW, 72, seats=2)
    join(registry, code)
    assert registry.expire_invitations() == 1
    with pytest.raises(Refused, match="invitation: expected one that is valid"):
        join(registry, code, 2, "node 2")
    assert not registry.offerable(code, NOW)


def test_a_renewed_certificate_takes_the_place_of_the_one_before_even_of_one_that_expired(registry):
    join(registry, registry.invite(NOW, 72))
    device = device_key(1).device.hex()
    later = NOW + 400 * DAY
    certificate = registry.renew(device, later, 30, SIGN)
    verify_certificate(KEY.public_key().public_bytes_raw(), device_key(1).public_key, certificate, later + 29 * DAY)
    row = registry.device(device)
    assert (row.certificate, row.expiry_seconds) == (certificate.encode(), later + 30 * DAY)


def test_a_revoked_device_is_not_renewed_and_a_stranger_hears_the_same(registry):
    join(registry, registry.invite(NOW, 72))
    registry.revoke(device_key(1).device.hex(), NOW)
    said = set()
    for device in (device_key(1).device.hex(), device_key(2).device.hex(), "x", "", "A" * 32):
        with pytest.raises(Refused) as caught:
            registry.renew(device, NOW, 30, SIGN)
        said.add(str(caught.value))
    assert len(said) == 1


def test_revocations_grow_and_never_shrink(registry):
    for number in (1, 2, 3):
        join(registry, registry.invite(NOW, 72), number, f"node {number}")
    assert registry.revocations() == (0, frozenset())
    registry.set_node(device_key(2).device.hex(), 7)
    row = registry.revoke(device_key(2).device.hex(), NOW + 9)
    assert (row.node_id, row.revoked_seconds) == (7, NOW + 9)
    assert registry.revocations() == (1, frozenset({device_key(2).device}))
    assert registry.revoke(device_key(2).device.hex(), NOW + 99).revoked_seconds == NOW + 9
    assert registry.revocations()[0] == 1
    registry.revoke(device_key(3).device.hex(), NOW)
    assert registry.revocations() == (2, frozenset({device_key(2).device, device_key(3).device}))


def test_revoking_nobody_says_where_the_names_are(registry):
    for device in ("", "00" * 16, "zz" * 16, "' OR 1=1"):
        with pytest.raises(Misconfigured, match="`hushrec-server status` lists them"):
            registry.revoke(device, NOW)


def test_a_node_number_may_have_all_64_bits_and_may_go_again(registry):
    join(registry, registry.invite(NOW, 72))
    device = device_key(1).device.hex()
    for node_id in (0, 2**64 - 1, None):
        registry.set_node(device, node_id)
        assert registry.device(device).node_id == node_id
    with pytest.raises(Refused):
        registry.set_node("00" * 16, 1)


def test_no_text_is_the_name_of_a_device(registry):
    for device in ("", "x", "00" * 16, "\u0660" * 32, "AA" * 16):
        assert registry.device(device) is None


def test_threads_share_one_registry(registry):
    codes = [registry.invite(NOW, 72) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: join(registry, codes[number], number + 1, f"node {number}"), range(20)))
    assert len(registry.devices()) == 20


def test_a_change_is_there_for_the_next_process(path):
    with Registry(path) as one, Registry(path) as other:
        code = one.invite(NOW, 72)
        certificate = join(other, code)
        assert one.devices()[0].certificate == certificate.encode()


def test_the_file_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        Registry.create(tmp_path / "r")
        with Registry(tmp_path / "r") as registry:
            registry.invite(NOW, 1)
            modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) >= {"r", "r-wal"}
    assert set(modes.values()) == {0o600}


def test_what_is_no_registry_is_said_and_left_alone(tmp_path, path):
    with pytest.raises(Misconfigured, match="`hushrec-server init`"):
        Registry(tmp_path / "none")
    with pytest.raises(Misconfigured, match="could not be made"):
        Registry.create(path)
    for name, content in (("text", b"no database, but long enough to be read as one" * 40), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Corrupt, match="restore it from a copy"):
            Registry(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content


def test_each_round_of_a_task_counts_once_for_a_device_however_often_it_is_told(path, registry):
    for number in (1, 2):
        join(registry, registry.invite(NOW, 1), number, f"node {number}")
    one, other = (device_key(number).device.hex() for number in (1, 2))
    assert registry.answers(one) == {}
    for task, number, devices in (
        ("statistics", 0, [one, other]), ("update", 3, [one]), ("update", 3, [one]), ("update", 2, [one]),
        ("update", 7, [one, "ff" * 16, "no id"]), ("evaluation", 10, []),
    ):  # fmt: skip
        registry.count_answers(task, number, devices)
    with Registry(path) as again:  # another process
        assert again.answers(one) == {"statistics": (1, 0), "update": (2, 7)}
        assert again.answers(other) == {"statistics": (1, 0)}
        assert again.answers("ff" * 16) == again.answers("no id") == {}


def test_a_newer_registry_is_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 4")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="update Hushrec"):
        Registry(path)
    assert path.read_bytes() == before


def test_an_older_registry_is_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(Misconfigured, match="make the server anew"):
        Registry(path)


def test_a_damaged_page_is_found(path):
    with Registry(path) as registry:
        assert registry.damage() == ""
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(Corrupt), Registry(path) as registry:  # noqa: PT012 - whichever of them notices
        if registry.damage():
            raise Corrupt("found")


def test_a_writer_that_holds_on_is_waited_for_and_then_named(path, monkeypatch):
    monkeypatch.setattr("server.registry.database._PATIENCE_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with Registry(path) as registry:
            assert registry.devices() == ()  # readers do not wait
            with pytest.raises(NotYet, match="the registry is in use by another process"):
                registry.invite(NOW, 1)
    finally:
        holder.close()


def test_a_printed_row_names_the_device_alone(registry):
    join(registry, registry.invite(NOW, 72))
    assert repr(registry.devices()[0]) == f"DeviceRow({device_key(1).device.hex()})"
