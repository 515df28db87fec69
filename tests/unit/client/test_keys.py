"""A device's keys: drawn once, told to nobody, and never written over."""

import logging
import os
import stat

import keyring
import keyring.backend
import keyring.errors
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from client.keys import Keys
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.secure_sum import verify_signature


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A system's keyring, as far as keys go."""

    priority = 5

    def __init__(self):
        self.kept = {}
        self.locked = False

    def _check(self):
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")

    def set_password(self, service, username, password):
        self._check()
        self.kept[service, username] = password

    def get_password(self, service, username):
        self._check()
        return self.kept.get((service, username))

    def delete_password(self, service, username):
        self._check()
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("none")


@pytest.fixture
def system():
    """The system has a keyring."""
    before, system = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(system)
    yield system
    keyring.set_keyring(before)


@pytest.fixture
def folder(tmp_path):
    """Keys without a keyring."""
    Keys.create(tmp_path / "keys", keyring=False)
    return tmp_path / "keys"


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_keys_are_private_files_and_the_same_each_time_they_are_read(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder)) == ["data.key", "device.key", "node.key", "token", "wrap.key"]
    assert all(stat.S_IMODE((folder / name).stat().st_mode) == 0o600 for name in os.listdir(folder))
    one, again = Keys(folder), Keys(folder)
    assert len(one.data_key()) == 32
    assert one.data_key() == again.data_key()
    assert one.token() == again.token()
    assert len(one.token()) == 43
    assert one.identity().device == again.identity().device
    assert verify_signature(again.identity().public_key, one.identity().sign(b"message"), b"message")


def test_the_node_key_is_what_flower_reads(folder):
    key = Keys(folder).node_key()
    assert isinstance(key.curve, ec.SECP384R1)
    read = load_ssh_private_key(Keys(folder).node_key_path.read_bytes(), None)
    assert read.private_numbers() == key.private_numbers()


def test_two_devices_share_no_key(tmp_path):
    one, other = (Keys.create(tmp_path / name, keyring=False) for name in "ab")
    assert one.identity().device != other.identity().device
    assert one.token() != other.token()
    assert one.data_key() != other.data_key()
    assert one.node_key().private_numbers() != other.node_key().private_numbers()


def test_with_a_keyring_no_file_opens_the_store_alone(tmp_path, system):
    keys = Keys.create(tmp_path / "keys", keyring=True)
    assert sorted(os.listdir(tmp_path / "keys")) == ["data.key", "device.key", "node.key", "token"]
    assert len(system.kept) == 1
    key = keys.data_key()
    assert not any(key in content or key.hex().encode() in content for content in contents(tmp_path / "keys").values())
    other = Keys.create(tmp_path / "other", keyring=True)
    assert other.data_key() != key
    assert Keys(tmp_path / "keys").data_key() == key


def test_a_keyring_that_is_not_fit_or_fails_leaves_the_key_in_a_file(tmp_path, system, monkeypatch):
    monkeypatch.setattr(MemoryKeyring, "priority", 0.5)
    assert len(Keys.create(tmp_path / "unfit", keyring=True).data_key()) == 32
    assert (tmp_path / "unfit" / "wrap.key").exists()
    monkeypatch.setattr(MemoryKeyring, "priority", 5)
    system.locked = True
    assert len(Keys.create(tmp_path / "locked", keyring=True).data_key()) == 32
    assert system.kept == {}


def test_a_keyring_that_is_locked_or_has_lost_the_key_says_what_to_do(tmp_path, system):
    keys = Keys.create(tmp_path / "keys", keyring=True)
    before = contents(tmp_path / "keys")
    system.locked = True
    with pytest.raises(NotYet, match="unlock it"):
        keys.data_key()
    system.locked = False
    kept = dict(system.kept)
    system.kept.clear()
    with pytest.raises(Misconfigured, match="found none; restore it there"):
        keys.data_key()
    system.kept.update(dict.fromkeys(kept, "AAAA"))
    with pytest.raises(Corrupt, match="expected 32 bytes in base64"):
        keys.data_key()
    system.kept.update(kept)
    assert len(keys.data_key()) == 32
    assert contents(tmp_path / "keys") == before


def test_a_wrong_wrapping_key_is_noticed_and_nothing_is_changed(tmp_path, folder):
    Keys.create(tmp_path / "other", keyring=False)
    for name in ("wrap.key", "data.key"):
        right = (folder / name).read_bytes()
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
        before = contents(folder)
        with pytest.raises(Corrupt, match="expected the key it was wrapped with, got another; nothing was changed"):
            Keys(folder).data_key()
        assert contents(folder) == before
        (folder / name).write_bytes(right)
    assert len(Keys(folder).data_key()) == 32


READERS = {
    "device.key": Keys.identity,
    "node.key": Keys.node_key,
    "token": Keys.token,
    "wrap.key": Keys.data_key,
    "data.key": Keys.data_key,
}


@pytest.mark.parametrize("name", READERS)
def test_a_missing_open_or_damaged_file_is_an_error_that_names_it(folder, name):
    path, read = folder / name, READERS[name]
    right = path.read_bytes()
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match=f"{name}: expected mode 0600, got 0640; mend it with: chmod 600"):
        read(Keys(folder))
    path.chmod(0o600)
    for damaged in (b"", right[: len(right) // 2], b"\xff" * 40, b"two words which are many characters long"):
        path.write_bytes(damaged)
        with pytest.raises(Corrupt, match=name) as caught:
            read(Keys(folder))
        assert damaged.decode("latin-1")[:20] not in str(caught.value) or not damaged
        assert path.read_bytes() == damaged
    path.unlink()
    with pytest.raises(Misconfigured, match=f"{name}: expected a key"):
        read(Keys(folder))


def test_a_key_of_another_kind_is_not_taken(folder):
    device, node = (folder / "device.key").read_bytes(), (folder / "node.key").read_bytes()
    (folder / "device.key").write_bytes(node)
    (folder / "node.key").write_bytes(device)
    with pytest.raises(Corrupt, match="Ed25519"):
        Keys(folder).identity()
    with pytest.raises(Corrupt, match="P-384"):
        Keys(folder).node_key()


def test_keys_are_never_written_over(folder):
    before = contents(folder)
    with pytest.raises(Misconfigured, match="new folder for keys"):
        Keys.create(folder, keyring=False)
    assert contents(folder) == before


def test_nothing_is_printed_or_logged_of_a_key(tmp_path, system, caplog):
    caplog.set_level(logging.DEBUG)
    system.locked = True
    keys = Keys.create(tmp_path / "keys", keyring=True)
    assert repr(keys) == "Keys()"
    secrets = [keys.token(), keys.data_key().hex(), *(c.decode() for c in contents(tmp_path / "keys").values())]
    assert caplog.text
    assert not any(secret.strip() in caplog.text for secret in secrets)


def test_a_forgotten_device_leaves_nothing_in_the_keyring(tmp_path, system):
    keys = Keys.create(tmp_path / "keys", keyring=True)
    keys.forget()
    assert system.kept == {}
    keys.forget()  # nothing there: said in the log, and that is all
