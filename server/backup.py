"""A server's folder as one archive, and back. The server may be up all the while.

What is copied fits together, because files are read in the order opposite to the one in which they are written. A
publication is written after its release's files, so the chain is read before them. A checkpoint is written after the
sums it is made of, so it is read before those; and after a round's answers are counted, so the registry is read last.
What is missing all the same, a restored server learns from its devices (`server/gateway`).

Not in it is what lives only while the server runs (`run/`), and what the SuperLink makes anew (`flower/`).
"""

import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.home import Home, ServerSettings, check_free, make_folders
from server.registry import copy_registry
from server.releases import chain_content
from shared.errors import Corrupt, Misconfigured, StorageFailed
from shared.release import FileEntry, Publication

_MANIFEST = "manifest.json"
_LARGEST_MANIFEST_BYTES = 256 * 2**20
_LEFT_OUT = ("run", "flower")
_REGISTRY = "registry.sqlite"
_NEEDED = ("server.toml", "federation.toml", "keys/operator.key", "keys/registry.key", "keys/authority.key", _REGISTRY)
_IN_ORDER = ("releases", "training/checkpoint.safetensors", "training")  # between all else and the registry
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}/){0,8}[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}", re.ASCII)
_PIECE_BYTES = 2**20


class Manifest(BaseModel):
    """The last file of an archive: all others, and what they must be.

    Attributes:
        made_seconds: when, since 1970 UTC.
        files: by name, from the server's folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["hushrec-backup/1"] = "hushrec-backup/1"
    made_seconds: Annotated[int, Field(ge=0)]
    files: dict[str, FileEntry]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(entry.size_bytes for entry in self.files.values())


def back_up(home: Home, archive: Path, now: Callable[[], float] = time.time) -> Manifest:
    """Write everything a server cannot make anew into one archive of mode 0600: the keys too, so guard it as them.

    Args:
        home: folder of the server, which may be up.
        archive: a new file outside that folder; there whole or not at all.
        now: seconds since 1970 UTC.

    Raises:
        Misconfigured: the archive exists or lies in the folder, or a file cannot be read.
        StorageFailed: it cannot be written.
        NotYet, Corrupt: the registry is locked for too long, or damaged.
    """
    archive = archive.absolute()
    if archive.exists() or archive.is_symlink():
        raise Misconfigured(f"{archive}: expected a new file, got one that exists; nothing was changed: name another")
    if archive.resolve().is_relative_to(home.directory.resolve()):
        raise Misconfigured(f"{archive}: expected a place outside the server's folder, got one in it; name another")
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{archive.name}.", dir=archive.parent)  # of mode 0600
        with os.fdopen(handle, "wb") as stream:
            manifest = _write(home, stream, int(now()))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, archive)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageFailed(
                f"{archive}: could not be written ({error.strerror}); free some space or choose another place"
            ) from None
        raise
    return manifest


def restore(archive: Path, directory: Path) -> tuple[Home, Manifest, int]:
    """Make a server's folder of what `back_up` wrote, whole or not at all.

    Invitations that were open then may have been used since, by devices that this registry does not know. None of them
    can be used again: a device that lost its place so comes back by its certificate, and others are invited anew.

    Args:
        archive: of one server.
        directory: a folder that does not exist, or an empty one.

    Returns:
        The server, what the archive held, and how many invitations cannot be used any more.

    Raises:
        Misconfigured: the folder holds something or cannot be made, or the archive cannot be read.
        Corrupt: the archive is no backup, or damaged, naming the file in it.
    """
    directory = directory.absolute()
    check_free(directory)
    made = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        manifest = _read(archive, made)
        make_folders(Home(made, ServerSettings()))
        with Home.open(made).registry() as registry:
            expired = registry.expire_invitations()
        os.rename(made, directory)
    except BaseException as error:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError):
            raise Misconfigured(
                f"{error.filename or directory}: could not be read or written ({error.strerror}); choose another place"
            ) from None
        raise
    return Home.open(directory), manifest, expired


def _write(home: Home, stream: IO[bytes], made_seconds: int) -> Manifest:
    entries: dict[str, FileEntry] = {}
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, content: IO[bytes], size_bytes: int) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = size_bytes, 0o600, made_seconds
            read = _Hashed(content)
            tar.addfile(member, read)
            entries[name] = FileEntry(sha256=read.sha256.hexdigest(), size_bytes=size_bytes)

        chain = chain_content(home.chain)
        for path, content in chain.items():
            add(str(path.relative_to(home.directory)), io.BytesIO(content), len(content))
        for name in _names(home):
            _add_file(home.directory / name, name, add)
        home.run.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=home.run) as folder:
            copy = Path(folder) / _REGISTRY
            copy_registry(home.registry_path, copy)
            _add_file(copy, _REGISTRY, add)
        _add_file(home.revocations_path, home.revocations_path.name, add)
        _check_whole(home, chain.get(home.chain, b""), entries)
        manifest = Manifest(made_seconds=made_seconds, files=dict(entries))
        content = manifest.model_dump_json().encode()
        add(_MANIFEST, io.BytesIO(content), len(content))
    return manifest


class _Hashed(io.RawIOBase):
    """A file that is read once, and its digest."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        piece = self._content.read(size)
        self.sha256.update(piece)
        return piece


def _add_file(path: Path, name: str, add: Callable[[str, IO[bytes], int], None]) -> None:
    """Add a file, unless it is gone by now: another sum took its place, say. What is written anew is another file."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise Misconfigured(f"{path}: could not be read ({error.strerror}); mend who may read it") from None
    with stream:
        add(name, stream, os.fstat(stream.fileno()).st_size)


def _names(home: Home) -> Iterator[str]:
    """Files to copy by name, each part looked for only when it is its turn."""
    given = {"releases/chain.jsonl", "releases/newest.json", home.revocations_path.name}
    for part in (".", *_IN_ORDER):
        place = home.directory / part
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            name = path.relative_to(home.directory)
            in_order = part == "." and name.parts[0] in ("releases", "training")
            if in_order or str(name) in given or name.parts[0] in _LEFT_OUT or not _is_kept(path, str(name)):
                continue
            given.add(str(name))
            yield str(name)


def _is_kept(path: Path, name: str) -> bool:
    """Whether this is a file of the server's, and not one that is being written, a lock or part of the registry."""
    passing = name.endswith(".lock") or name.startswith(_REGISTRY)
    return not passing and _NAME.fullmatch(name) is not None and path.is_file() and not path.is_symlink()


def _check_whole(home: Home, chain: bytes, entries: Mapping[str, FileEntry]) -> None:
    """See that an archive has what a server cannot do without: keys, registry, and the release that counts.

    Raises:
        Misconfigured: it has not.
    """
    needed: dict[str, FileEntry | None] = dict.fromkeys(_NEEDED)
    if lines := chain.rpartition(b"\n")[0].splitlines():
        head = Publication.decode(lines[-1])
        needed |= {f"releases/{head.release}/{name}": entry for name, entry in head.files.items()}
    for name, entry in needed.items():
        if name not in entries or entry not in (None, entries[name]):
            raise Misconfigured(
                f"{home.directory / name}: expected it to be saved, got {'another' if name in entries else 'no'} file; "
                "see `hushrec-server check`"
            )


def _read(archive: Path, folder: Path) -> Manifest:
    """Unpack an archive and hold it against its manifest.

    Raises:
        Corrupt: it is not what `back_up` wrote.
    """
    found: dict[str, FileEntry] = {}
    manifest = None
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if manifest is not None or not member.isfile() or not _NAME.fullmatch(member.name):
                    raise _damaged(archive, f"a file of a server, got {member.name!r:.80}")
                content = tar.extractfile(member)
                if content is None or member.name in found:
                    raise _damaged(archive, f"{member.name} once, as a file")
                if member.name == _MANIFEST:
                    manifest = Manifest.model_validate_json(content.read(_LARGEST_MANIFEST_BYTES))
                else:
                    found[member.name] = _unpack(content, folder / member.name)
    except (tarfile.TarError, EOFError, ValidationError):
        raise _damaged(archive, "an archive that `hushrec-server backup` wrote, got another file") from None
    if manifest is None:
        raise _damaged(archive, f"{_MANIFEST} at its end, got none; it was cut off")
    for name in sorted({*found, *manifest.files}):
        if found.get(name) != manifest.files.get(name):
            raise _damaged(archive, f"{name} as it was saved, got {'another' if name in found else 'none'}")
    return manifest


def _unpack(content: IO[bytes], path: Path) -> FileEntry:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
            stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    return FileEntry(sha256=digest.hexdigest(), size_bytes=size_bytes)


def _damaged(archive: Path, expected: str) -> Corrupt:
    return Corrupt(f"{archive}: expected {expected}; nothing was restored: take another backup")
