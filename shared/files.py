"""Files that appear whole or not at all, reads that no file can make too large, and where a cache lies."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from shared.errors import Corrupt, Misconfigured, StorageFailed


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to disk, then rename it over `path`, on disk too.

    Raises:
        StorageFailed: the folder cannot be written or the disk is full; `path` is then as it was.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StorageFailed(
            f"{path}: could not be written ({error.strerror}); free some space or choose another folder"
        ) from None
    with suppress(OSError):  # not every system lets a folder be flushed
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def cache_folder() -> Path:
    """Where what can be made again lies: `hushrec` in a service's cache folder, or else in the user's.

    systemd names the first in `CACHE_DIRECTORY`, as a service may not write elsewhere, and `XDG_CACHE_HOME` the second.
    Nothing of a person ever lies there.
    """
    of_service = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    return Path(of_service or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hushrec"


def read_bounded(path: Path, largest_bytes: int) -> bytes:
    """The content of a file, of which no more than `largest_bytes` are ever in memory.

    Raises:
        FileNotFoundError: there is none; what that means, the caller knows.
        Misconfigured: it cannot be read.
        Corrupt: it is longer.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(largest_bytes + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Misconfigured(f"{path}: could not be read ({error.strerror}); mend who may read it") from None
    if len(content) > largest_bytes:
        raise Corrupt(f"{path}: expected at most {largest_bytes} bytes, got more; bring it back from a copy")
    return content
