"""What `check` says of the chain of publications and of the files it names."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.home import check, init
from shared.publication import FileEntry, Publication


@pytest.fixture
def home(tmp_path):
    """A server that has published two releases, the second one by a rollback once more."""
    home = init(tmp_path / "server")
    previous, lines, names = None, b"", []
    for number, parts in enumerate(({"manifest.json": b"one"}, {"manifest.json": b"two", "card.md": b"# two"})):
        names.append(hashlib.sha256(parts["manifest.json"]).hexdigest())
        folder = home.releases / names[-1]
        folder.mkdir()
        for name, content in parts.items():
            (folder / name).write_bytes(content)
        entries = {name: FileEntry.of(content) for name, content in parts.items()}
        federation = home.federation().digest()
        previous = Publication.after(previous, names[-1], federation, entries, number, "why").sign(home.operator_key())
        lines += previous.encode() + b"\n"
    home.chain.write_bytes(lines)
    return home


def newest(home):
    return Publication.decode(home.chain.read_bytes().splitlines()[-1])


def test_a_sound_chain_is_no_finding(home):
    assert check(home.directory) == []


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
    findings = check(home.directory)
    line = {"cut": 1, "torn": 2, "swapped": 1, "other key": 2, "garbage": 3}[change]
    assert findings[0].what == f"releases/chain.jsonl: line {line}"
    assert "restore it from a copy" in findings[0].fix


@pytest.mark.parametrize("damage", ["missing", "longer", "other bytes"])
def test_a_file_that_is_not_as_published_is_found(home, damage):
    path = home.releases / newest(home).release / "card.md"
    path.unlink() if damage == "missing" else path.write_bytes({"longer": b"# two!", "other bytes": b"# Two"}[damage])
    (finding,) = check(home.directory)
    assert finding.what == f"releases/{newest(home).release}/card.md"
    assert "`hushrec-server rollback`" in finding.fix
    if damage != "missing":
        assert finding.got == {"longer": "6 bytes", "other bytes": "other bytes"}[damage]


def test_an_older_release_that_is_gone_is_found_too_without_the_way_back_to_itself(home):
    first = Publication.decode(home.chain.read_bytes().splitlines()[0])
    (home.releases / first.release / "manifest.json").unlink()
    (finding,) = check(home.directory)
    assert finding.what == f"releases/{first.release}/manifest.json"
    assert "rollback" not in finding.fix


def test_without_the_operators_key_the_rest_of_the_chain_is_checked_all_the_same(home):
    home.operator_key_path.unlink()
    (home.releases / newest(home).release / "card.md").unlink()
    assert [finding.what.rpartition("/")[2] for finding in check(home.directory)] == ["operator.key", "card.md"]
