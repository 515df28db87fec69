"""A server's folder goes into one archive and comes out as it was, or not at all."""

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from server import backup as module
from server.backup import Manifest, back_up, restore
from server.doctor import check_server
from server.home import Home, create_server
from server.releases import Releases
from shared.errors import Corrupt, Misconfigured, StorageFailed
from tests.support.published import publish_files

KEPT = {"server.toml", "federation.toml", "registry.sqlite", "revocations.json", "releases/chain.jsonl"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A server with two releases, a training and a revoked invitation or two."""
    home = create_server(tmp_path / "server")
    publish_files(home, {"manifest.json": b"one"}, "release zero")
    publish_files(home, {"manifest.json": b"two", "card.md": b"# two" * 1000}, "round 20")
    Releases(home)  # writes newest.json
    (home.training / "sums").mkdir()
    (home.training / "checkpoint.safetensors").write_bytes(b"checkpoint")
    (home.training / "sums" / "update-1.safetensors").write_bytes(b"sum")
    (home.run / "status.json").write_text("{}")
    (home.flower / "superlink.sqlite").write_bytes(b"flower")
    (home.releases / "chain.lock").write_bytes(b"")
    (home.releases / ".chain.jsonl.abc").write_bytes(b"being written")
    with home.registry() as registry:
        registry.invite(1_800_000_000, 1, "a note")
        home.revocation_list(registry).current()
    return home


def contents(folder: Path) -> dict[str, bytes]:
    """What a restored folder must have as it was; the registry is a database, and looked at as one."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("run", "flower")
        and not path.name.startswith((".", "registry.sqlite")) and path.suffix != ".lock"
    }  # fmt: skip


def test_a_folder_comes_back_as_it_was_while_its_server_writes(home: Home, tmp_path: Path) -> None:
    with home.registry() as registry:  # open, as the gateway has it
        manifest = back_up(home, tmp_path / "saved.tar", now=lambda: 1_800_000_000.5)
        code = registry.invite(1_800_000_000, 1, "after the backup")
    assert stat.S_IMODE((tmp_path / "saved.tar").stat().st_mode) == 0o600
    restored, read, _ = restore(tmp_path / "saved.tar", tmp_path / "elsewhere" / "server")
    assert read == manifest
    assert manifest.made_seconds == 1_800_000_000
    assert set(manifest.files) > KEPT
    assert not [name for name in manifest.files if name.startswith(("run", "flower", ".")) or name.endswith(".lock")]
    assert contents(restored.directory) == contents(home.directory)
    assert check_server(restored.directory, replay=False) == check_server(home.directory, replay=False) == []
    with restored.registry() as registry:
        assert [row.note for row in registry.invitations()] == ["a note"]
        assert not registry.offerable(code, 1_800_000_000)
    for path in (restored.directory, *restored.directory.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert {path.name for path in restored.directory.iterdir()} >= {"run", "flower", "keys"}
    assert list(home.run.glob(".backup*")) == []


def test_an_invitation_that_was_open_when_it_was_saved_is_good_for_nothing_afterwards(
    home: Home, tmp_path: Path
) -> None:
    now = 1_800_000_000
    with home.registry() as registry:
        code = registry.invite(now, 10_000, "open for long")
        back_up(home, tmp_path / "saved.tar")
    restored, _, expired = restore(tmp_path / "saved.tar", tmp_path / "restored")
    assert expired == 2  # and "a note"
    with restored.registry() as registry:
        assert not registry.offerable(code, now)
        assert registry.expire_invitations() == 0
        assert registry.offerable(registry.invite(now, 1), now)


def test_what_is_published_while_it_is_saved_is_left_out_whole(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = home.chain.read_bytes()
    names = module._names

    def publishing(given: Home):
        publish_files(given, {"manifest.json": b"three"}, "round 40")  # once the chain has been read
        yield from names(given)

    monkeypatch.setattr(module, "_names", publishing)
    back_up(home, tmp_path / "saved.tar")
    restored, _, _ = restore(tmp_path / "saved.tar", tmp_path / "restored")
    assert restored.chain.read_bytes() == saved
    assert check_server(restored.directory, replay=False) == []


def test_a_checkpoint_has_all_the_sums_that_it_is_made_of(home: Home) -> None:
    names = [name for name in module._names(home) if name.startswith("training/")]
    assert names == ["training/checkpoint.safetensors", "training/sums/update-1.safetensors"]
    listed = module._names(home)
    found = next(name for name in listed if name == "training/checkpoint.safetensors")
    (home.training / "sums" / "update-2.safetensors").write_bytes(b"later")
    assert [found, *listed][1:] == ["training/sums/update-1.safetensors", "training/sums/update-2.safetensors"]


def test_an_archive_is_not_written_over_anything_nor_into_the_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"there")
    with pytest.raises(Misconfigured, match="expected a new file"):
        back_up(home, tmp_path / "there")
    with pytest.raises(Misconfigured, match="outside the server's folder"):
        back_up(home, home.directory / "saved.tar")
    with pytest.raises(StorageFailed, match="choose another place"):
        back_up(home, tmp_path / "nowhere" / "saved.tar")
    assert (tmp_path / "there").read_bytes() == b"there"


@pytest.mark.parametrize("lost", ["keys/operator.key", "registry.sqlite", "releases/HEAD/card.md"])
def test_what_a_server_cannot_do_without_has_to_be_there(home: Home, tmp_path: Path, lost: str) -> None:
    head = Releases(home).head()
    assert head is not None
    path = home.directory / lost.replace("HEAD", head.release)
    path.unlink()
    with pytest.raises(Misconfigured, match=path.name):
        back_up(home, tmp_path / "saved.tar")
    assert [found.name for found in tmp_path.iterdir()] == ["server"]


def test_a_folder_that_holds_something_is_left_alone(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "saved.tar")
    before = contents(home.directory)
    with pytest.raises(Misconfigured, match="got one that holds something"):
        restore(tmp_path / "saved.tar", home.directory)
    assert contents(home.directory) == before


@pytest.mark.parametrize("place", [0.02, 0.5, 0.9, 0.9999])
def test_an_archive_that_was_cut_off_is_refused_and_nothing_is_made(home: Home, tmp_path: Path, place: float) -> None:
    archive = tmp_path / "saved.tar"
    back_up(home, archive)
    with tarfile.open(archive, "r:") as tar:
        last = tar.getmembers()[-1]
    end = last.offset_data + last.size  # what follows is padding
    archive.write_bytes(archive.read_bytes()[: int(end * place)])
    with pytest.raises(Corrupt, match=r"saved\.tar: expected .*nothing was restored"):
        restore(archive, tmp_path / "restored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved.tar", "server"]


@pytest.mark.parametrize("part", ["head", "content"])
@pytest.mark.parametrize("name", ["releases/chain.jsonl", "keys/operator.key", "registry.sqlite", "manifest.json"])
def test_a_changed_byte_is_refused_and_nothing_is_made(home: Home, tmp_path: Path, name: str, part: str) -> None:
    archive = tmp_path / "saved.tar"
    back_up(home, archive)
    with tarfile.open(archive, "r:") as tar:
        member = tar.getmember(name)
    content = bytearray(archive.read_bytes())
    content[(member.offset if part == "head" else member.offset_data) + 2] ^= 1
    archive.write_bytes(content)
    named = name if part == "content" and name != "manifest.json" else ""
    with pytest.raises(Corrupt, match=rf"saved\.tar: expected .*{named}.*nothing was restored"):
        restore(archive, tmp_path / "restored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved.tar", "server"]


def archived(path: Path, files: dict[str, bytes], members: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    """An archive of anybody's making."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["../evil", "/evil", "keys/../../evil", "a//b", ".hidden", "a/./b", "a/b/", "\n"])
def test_no_file_of_an_archive_lands_outside_its_folder(tmp_path: Path, name: str) -> None:
    archive = archived(tmp_path / "evil.tar", {name: b"evil"})
    with pytest.raises(Corrupt, match=r"evil\.tar: expected"):
        restore(archive, tmp_path / "restored")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_nothing_but_files_is_taken(tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("keys")
    link.type, link.linkname = kind, "/tmp"
    with pytest.raises(Corrupt, match="expected a file of a server, got 'keys'"):
        restore(archived(tmp_path / "evil.tar", {}, (link,)), tmp_path / "restored")


EMPTY = Manifest(made_seconds=1, files={}).model_dump_json().encode()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"server.toml": b""}, "manifest.json at its end"),
        ({"manifest.json": b"{}"}, "that `hushrec-server backup` wrote"),
        ({"manifest.json": EMPTY, "more": b""}, "got 'more'"),
        ({"more": b"", "manifest.json": EMPTY}, "more as it was"),
        (
            {"manifest.json": json.dumps({"format": "hushrec-backup/2", "made_seconds": 1, "files": {}}).encode()},
            "that `hushrec-server backup` wrote",
        ),
    ],
)  # fmt: skip
def test_another_archive_is_no_backup(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    with pytest.raises(Corrupt, match=words):
        restore(archived(tmp_path / "other.tar", files), tmp_path / "restored")
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(Corrupt, match="that `hushrec-server backup` wrote"):
        restore(tmp_path / "text", tmp_path / "restored")
    with pytest.raises(Misconfigured, match="missing: could not be read"):
        restore(tmp_path / "missing", tmp_path / "restored")
