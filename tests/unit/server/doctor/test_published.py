"""What `check_server` says of the chain of publications and of the files it names."""

import sys
import time
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.doctor import check_server, repair_server
from server.home import create_server
from server.releases import Releases
from shared.errors import Corrupt
from shared.release.publication import Publication
from tests.support.asking_gateway import Person
from tests.support.published import publish_files


@pytest.fixture
def home(tmp_path):
    """A server that has published two releases."""
    home = create_server(tmp_path / "server")
    publish_files(home, {"manifest.json": b"one"}, "release zero")
    publish_files(home, {"manifest.json": b"two", "card.md": b"# two"}, "round 20")
    return home


def newest(home):
    return Publication.decode(home.chain.read_bytes().splitlines()[-1])


def test_a_sound_chain_is_no_finding(home):
    assert check_server(home.directory) == []


def test_a_torn_last_line_is_found_and_completed_from_its_record(home):
    Releases(home)
    whole = home.chain.read_bytes()
    home.chain.write_bytes(whole[:-100])
    (finding,) = check_server(home.directory)
    assert finding.what == "releases/chain.jsonl: line 2"
    assert finding.got == "one that lacks its last 100 bytes"
    assert "`hushrec-server check DIR --mend`" in finding.fix
    assert home.chain.read_bytes() == whole[:-100]  # to look changes nothing
    assert repair_server(home.directory) == [
        "releases/chain.jsonl: its last line is whole again, 100 bytes from newest.json"
    ]
    assert home.chain.read_bytes() == whole
    assert check_server(home.directory) == []


def test_a_torn_last_line_without_its_record_is_found_and_left_to_a_copy(home):
    home.chain.write_bytes(home.chain.read_bytes() + b'{"sequence": 3')
    before = home.chain.read_bytes()
    (finding,) = check_server(home.directory)
    assert finding.what == "releases/chain.jsonl: line 3"
    assert "restore both files from one copy" in finding.got
    assert repair_server(home.directory) == []
    assert home.chain.read_bytes() == before


@pytest.mark.parametrize("change", ["cut", "torn", "swapped", "other key", "garbage"])
def test_a_chain_that_devices_would_not_follow_is_found_at_its_line(home, change):
    first, second = home.chain.read_bytes().splitlines()
    forged = newest(home).sign(Ed25519PrivateKey.generate()).encode()
    lines = {
        "cut": [second],
        "torn": [first, second[:-9]],
        "swapped": [second, first],
        "other key": [first, forged],
        "garbage": [first, second, b"\xff"],
    }[change]
    home.chain.write_bytes(b"\n".join(lines) + b"\n")
    findings = check_server(home.directory)
    line = {"cut": 1, "torn": 2, "swapped": 1, "other key": 2, "garbage": 3}[change]
    assert findings[0].what == f"releases/chain.jsonl: line {line}"
    assert "restore it from a copy" in findings[0].fix


@pytest.mark.parametrize("damage", ["missing", "longer", "other bytes"])
def test_a_file_that_is_not_as_published_is_found(home, damage):
    path = home.releases / newest(home).release / "card.md"
    path.unlink() if damage == "missing" else path.write_bytes({"longer": b"# two!", "other bytes": b"# Two"}[damage])
    (finding,) = check_server(home.directory)
    assert finding.what == f"releases/{newest(home).release}/card.md"
    assert "`hushrec-server rollback`" in finding.fix
    if damage != "missing":
        assert finding.got == {"longer": "6 bytes", "other bytes": "other bytes"}[damage]


def test_an_older_release_that_is_gone_is_found_too_without_the_way_back_to_itself(home):
    first = Publication.decode(home.chain.read_bytes().splitlines()[0])
    (home.releases / first.release / "manifest.json").unlink()
    (finding,) = check_server(home.directory)
    assert finding.what == f"releases/{first.release}/manifest.json"
    assert "rollback" not in finding.fix


def test_without_the_operators_key_the_rest_of_the_chain_is_checked_all_the_same(home):
    home.operator_key_path.unlink()
    (home.releases / newest(home).release / "card.md").unlink()
    assert [finding.what.rpartition("/")[2] for finding in check_server(home.directory)] == ["operator.key", "card.md"]


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ("", None),
        ("3 of 9 parameters differ", "3 of 9 parameters differ"),
        (Corrupt("a sum is damaged"), "a sum is damaged"),
    ],
)
def test_a_release_that_the_recorded_sums_do_not_give_is_found(home, monkeypatch, said, got):
    asked = []

    def check_replay(at):
        asked.append(at)
        if isinstance(said, Exception):
            raise said
        return said

    replay = ModuleType("server.doctor.replay")
    replay.check_replay = check_replay
    monkeypatch.setitem(sys.modules, "server.doctor.replay", replay)
    assert check_server(home.directory) == []
    assert asked == []  # nothing was summed yet
    (home.training / "sums").mkdir()
    (home.training / "sums" / "update-1.safetensors").write_bytes(b"")
    assert [finding.got for finding in check_server(home.directory)] == ([] if got is None else [got])
    assert asked == [home]
    assert check_server(home.directory, replay=False) == []
    (home.releases / newest(home).release / "card.md").unlink()
    assert len(check_server(home.directory)) == 1
    assert asked == [home]  # a release that is not whole is not compared


def test_a_registry_that_has_forgotten_a_revocation_is_found_and_mended(home):
    person, now = Person(), time.time()
    with home.registry() as registry:
        request = person.request(registry.invite(now, 1))
        registry.join(request.code, request.device_key, request.node_key, now, 1, home.certify)
        registry.revoke(person.device, now)
        home.revocation_list(registry).current()
        with registry._database.writing() as connection:  # put back
            connection.execute("UPDATE device SET revoked_seconds = NULL")
    (finding,) = check_server(home.directory)
    assert finding.what == "registry.sqlite"
    assert person.device in finding.got
    assert repair_server(home.directory) == ["registry.sqlite: 1 devices are revoked again, as in revocations.json"]
    assert check_server(home.directory) == []


def test_a_device_that_flower_does_not_take_is_found_by_name(home):
    home.status.write_text('{"set_aside": [{"device": "ab12", "why": "node: unregistered"}]}')
    (finding,) = check_server(home.directory)
    assert str(finding).startswith("device ab12: expected a node that Flower takes, got node: unregistered; start the")
    home.status.write_text("torn")
    assert check_server(home.directory) == []
