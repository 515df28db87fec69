"""A device's folder: made whole or not at all, and settings that say what is wrong with them."""

import os
import stat
from pathlib import Path

import pytest

import client.home
from client.home import Home, create_home
from client.store import Store
from shared.errors import Corrupt, Misconfigured


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "device", keyring=False)


def test_a_new_device_has_its_folder_its_settings_its_keys_an_empty_store_and_an_empty_ledger(home):
    assert sorted(os.listdir(home.directory)) == [
        "device.toml", "keys", "ledger.head", "ledger.jsonl", "policy.toml", "releases", "run", "store.sqlite",
    ]  # fmt: skip
    assert stat.S_IMODE(home.directory.stat().st_mode) == 0o700
    for path in home.directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert home.settings.model_dump() == {
        "host": "127.0.0.1", "port": 8787, "poll_seconds": 3600.0, "busy_poll_seconds": 0.5,
        "ranker_idle_seconds": 600.0, "keyring": False,
    }  # fmt: skip
    assert home.policy() == home.answering_policy()
    assert home.policy().smallest_cohort == 50
    with Store.open(home.store, home.keys.data_key()) as store:
        assert store.rows() == []


def test_a_device_is_opened_again_from_any_spelling_of_its_folder(home, monkeypatch):
    monkeypatch.chdir(home.directory.parent)
    again = Home.open(Path("device"))
    assert again == home
    assert again.keys.data_key() == home.keys.data_key()
    assert again.store.is_absolute()


def test_values_other_than_the_shipped_ones_stand_in_the_files_and_the_comments_stay(tmp_path):
    home = create_home(tmp_path / "device", {"smallest_cohort": 4, "tasks": ["update"]}, port=0, keyring=False)
    assert Home.open(home.directory).settings.port == 0
    assert home.policy().smallest_cohort == 4
    assert home.policy().tasks == ("update",)
    assert "port = 0                   # of the local API" in home.settings_path.read_text()
    assert "smallest_cohort = 4            # fewest people" in home.policy_path.read_text()


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"poll_seconds": 0.0}, {"host": "0.0.0.0"}, {"keyring": "yes"}])
def test_a_device_with_an_impossible_setting_is_not_made(tmp_path, wrong):
    (name,) = wrong
    with pytest.raises(Misconfigured, match=f"device.toml: {name}: expected"):
        create_home(tmp_path / "device", **wrong)
    with pytest.raises(Misconfigured, match=r"policy.toml: smallest_cohort: expected"):
        create_home(tmp_path / "device", {"smallest_cohort": 1})
    with pytest.raises(Misconfigured, match="expected a line for nonsense"):
        create_home(tmp_path / "device", nonsense=1)
    assert os.listdir(tmp_path) == []


def test_a_folder_in_use_is_left_alone_and_an_empty_one_is_taken(tmp_path, home):
    before = {path: path.read_bytes() for path in home.directory.rglob("*") if path.is_file()}
    for taken in (home.directory, home.settings_path):
        with pytest.raises(Misconfigured, match="expected a new or an empty folder"):
            create_home(taken, keyring=False)
    assert {path: path.read_bytes() for path in home.directory.rglob("*") if path.is_file()} == before
    (tmp_path / "empty").mkdir()
    assert create_home(tmp_path / "empty", keyring=False).settings.port == 8787


def test_a_device_that_cannot_be_made_whole_is_not_made_at_all(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("replace", "write_atomically"):
        with monkeypatch.context() as patched:
            patched.setattr(os if name == "replace" else client.home, name, full)
            with pytest.raises(Misconfigured, match="No space left"):
                create_home(tmp_path / "device", keyring=False)
        assert os.listdir(tmp_path) == []


def test_a_folder_that_is_no_devices_says_how_to_make_one(tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(Misconfigured, match=f"make one with: hushrec-device init {directory}"):
            Home.open(directory)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('port = "8787"', "port: expected a whole number, got '8787'"),
        ("prot = 8787", "prot: expected a known key"),
        ('host = "192.168.1.2"', "host: expected a loopback address such as 127.0.0.1, got '192.168.1.2'"),
        ("poll_seconds = nan", "poll_seconds: expected"),
        ("keyring = 1", "keyring: expected true or false, got 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected_and_what_stands_there(home, line, expected):
    key = line.split(" ")[0]
    text = home.settings_path.read_text()
    lines = [line if one.startswith(f"{key} ") else one for one in text.split("\n")]
    home.settings_path.write_text("\n".join(lines if line in lines else [*lines, line]))
    with pytest.raises(Misconfigured) as caught:
        Home.open(home.directory)
    assert expected in str(caught.value)
    assert str(home.settings_path) in str(caught.value)


def test_settings_that_are_no_toml_are_corrupt(home):
    home.settings_path.write_text("host = ")
    with pytest.raises(Corrupt, match="expected TOML"):
        Home.open(home.directory)
