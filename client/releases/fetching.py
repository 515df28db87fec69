"""Brings the files of one publication into a folder: each of the size and digest that the operator signed, or none."""

import hashlib
import os
import shutil
from pathlib import Path

from client.gateway import GatewayClient
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.release import Publication

_PIECE_BYTES = 2**20
_SPARE_BYTES = 64 * 2**20


def fetch(gateway: GatewayClient, publication: Publication, name: str, target: Path) -> None:
    """Download one file of a publication.

    Raises:
        Corrupt: it has another size or digest.
        NotYet, Refused: see `GatewayClient.download`.
        Misconfigured: it cannot be written.
    """
    entry, digest = publication.files[name], hashlib.sha256()
    try:
        with target.open("xb") as stream:

            def write(piece: bytes) -> None:
                digest.update(piece)
                stream.write(piece)

            gateway.download(f"/v1/releases/{publication.release}/{name}", entry.size_bytes, write)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise Misconfigured(f"{target}: could not be written ({error.strerror}); free some space") from None
    if digest.hexdigest() != entry.sha256:
        raise Corrupt(
            f"release {publication.release[:12]}: {name}: expected the file that the operator signed, got another"
        )


def reuse_file(publication: Publication, name: str, held: Path, target: Path) -> bool:
    """Link a file that an installed release has already; whether there was one."""
    if not held.is_file() or not _is(publication, name, held):
        return False
    try:
        os.link(held, target)
    except OSError:  # a file system without links
        shutil.copyfile(held, target)
    return True


def verify_files(publication: Publication, folder: Path) -> bool:
    """Whether a folder has all files of a publication, byte for byte, and no other."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return False
    return names == set(publication.files) and all(_is(publication, name, folder / name) for name in names)


def check_space(publication: Publication, folder: Path) -> None:
    """See that the disk has room.

    Raises:
        NotYet: it has not.
    """
    free = shutil.disk_usage(folder).free
    if publication.size_bytes + _SPARE_BYTES > free:
        raise NotYet(
            f"release {publication.release[:12]}: expected room for {publication.size_bytes} bytes, got {free}; "
            "free some space"
        )


def _is(publication: Publication, name: str, path: Path) -> bool:
    entry, digest = publication.files[name], hashlib.sha256()
    try:
        if path.stat().st_size != entry.size_bytes:
            return False
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == entry.sha256
