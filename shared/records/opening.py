"""Opens a text file whatever form it was saved in: packed with gzip or zip, UTF-8 or UTF-16, any line ends.

What a file is, its first bytes say, not its name. It never guesses an encoding: without a byte order mark a file is
UTF-8, or what the caller knows it to be.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from shared.errors import Corrupt, Misconfigured

PACKED = (".gz", ".zip")
BROKEN_PACKAGE = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)
_BYTES_CHECKED = 65_536
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BESIDE = "__MACOSX"  # what one system puts into every zip


def plain_name(path: Path | str) -> str:
    """The name of a file without what says how it is packed: "events.csv.gz" is "events.csv"."""
    name = Path(path).name
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in PACKED else name


def find_file(folder: Path, *names: str) -> Path | None:
    """The one file of a folder that has one of these names, plain or packed; None where there is none.

    Raises:
        Misconfigured: there are several.
    """
    packed = [name + end for name in names for end in ("", *PACKED)]
    found = [folder / name for name in dict.fromkeys(packed) if (folder / name).exists()]
    if len(found) > 1:
        raise Misconfigured(
            f"{folder}: expected {' or '.join(path.name for path in found)}, found {len(found)} of them; keep one"
        )
    return found[0] if found else None


def find_parts(folder: Path, *names: str) -> list[Path]:
    """The files that hold what one of these names would: that file, or its parts `NAME-PART.END`, in order of name.

    "events.csv" may be events-1.csv and events-2.csv, each a whole file with a header of its own, plain or packed.

    Raises:
        Misconfigured: there is the file and parts of it, or one part plain and packed.
    """
    whole = find_file(folder, *names)
    parts: dict[str, Path] = {}
    for name in names:
        stem, end = Path(name).stem, Path(name).suffix
        for path in sorted(folder.glob(f"{stem}-*")):
            if Path(plain_name(path)).suffix.lower() == end:
                if plain_name(path) in parts:
                    raise Misconfigured(f"{path}: expected it plain or packed, found both; keep one")
                parts[plain_name(path)] = path
    if whole is not None and parts:
        raise Misconfigured(
            f"{folder}: expected {whole.name} or its parts, found both ({next(iter(parts.values())).name}); keep one"
        )
    return list(parts.values()) if whole is None else [whole]


def open_unpacked(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where its first ones are those of gzip or zip. It can be read from its start again.

    Raises:
        OSError: it cannot be read.
        Corrupt: a zip holds not one file but several, or none; or it needs a password.
        *BROKEN_PACKAGE: it is no whole package; reading may raise them too.
    """
    with path.open("rb") as stream:
        start = stream.read(len(_ZIP))
    if start.startswith(_GZIP):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # a BinaryIO in all but name
    if start != _ZIP:
        return path.open("rb")
    with zipfile.ZipFile(path) as package:
        name = _only(path, [entry.filename for entry in package.infolist() if not entry.is_dir()])
        try:
            return package.open(name)  # type: ignore[return-value]  # it keeps the package open while it is read
        except RuntimeError:
            raise Corrupt(f"{path}: expected a zip without a password, got one with; unpack it") from None


def text_of(
    path: Path | str, stream: BinaryIO, newline: str | None = None, encoding: str = "utf-8-sig"
) -> io.TextIOWrapper:
    """A stream of bytes as text, each line with its end.

    Args:
        path: what errors say the stream is of.
        stream: at its start.
        newline: "" where any end of a line counts, as tables want it; left out, lines end with a line feed, or with a
            carriage return where the start of the file has no line feed. Nothing else ends a line.
        encoding: of a file without a byte order mark of UTF-16.

    Raises:
        Corrupt: it is binary.
    """
    start = stream.read(_BYTES_CHECKED)
    stream.seek(0)
    if start.startswith(_UTF16):
        encoding = "utf-16"
    elif b"\0" in start:
        raise Corrupt(f"{path}: expected text, got a binary file; choose another file")
    if newline is None:
        begun = start.decode(encoding, "replace")
        newline = "\r" if "\r" in begun and "\n" not in begun else "\n"
    return io.TextIOWrapper(stream, encoding, newline=newline)


def _only(path: Path, names: Sequence[str]) -> str:
    """The entry of a zip that is meant: the only one, or the one that is named as the zip."""
    names = [name for name in names if _BESIDE not in PurePosixPath(name).parts]
    named = [name for name in names if PurePosixPath(name).name == plain_name(path)]
    chosen = names if len(names) == 1 else named
    if len(chosen) != 1:
        raise Corrupt(
            f"{path}: expected a zip of one file, or of one named {plain_name(path)}, got one of {len(names)} files; "
            "unpack it"
        )
    return chosen[0]
