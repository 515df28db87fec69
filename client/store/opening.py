"""Opening the store's SQLite file: made whole or not at all, looked at before it is written, one writer at a time.

A file that is not what it must be is refused as it lies: nothing repairs, migrates or replaces it.
"""

import os
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

from shared.errors import Corrupt, Misconfigured, NotYet, StorageFailed
from shared.locks import acquire
from shared.sqlite import SqliteErrors

_APPLICATION = 0x48555348  # "HUSH"
_BUSY_SECONDS = 10.0

_PAGE_BYTES = 4096
_TABLES = (
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, tag BLOB UNIQUE, sealed BLOB NOT NULL)",
    "CREATE TABLE controls (tag BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE proof (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL)",
)


class WriterLock:
    """Held by the one process that may write; the system takes it back when the process ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            NotYet: another writer has it.
            Misconfigured: the lock cannot be made.
        """
        busy = f"{path}: another process of this device writes to the store; wait for it to end"
        self._handle = acquire(path, busy)

    def __repr__(self) -> str:
        return "WriterLock()"

    def release(self) -> None:
        """Let another process write; releasing twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def create_store(path: Path, schema: int, proof: bytes) -> None:
    """Make an empty store, whole or not at all; only the writer may.

    Args:
        path: where the store will lie.
        schema: version of the tables, kept as SQLite's user_version.
        proof: sealed with the key, so that another key is noticed on opening.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    made = path.with_name(f".{path.name}.new")
    try:
        for left in (made, made.with_name(f"{made.name}-wal"), made.with_name(f"{made.name}-shm")):
            left.unlink(missing_ok=True)
        os.close(os.open(made, os.O_CREAT | os.O_EXCL, 0o600))
        with translated(path), closing(sqlite3.connect(made, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {schema}")
            for table in _TABLES:
                connection.execute(table)
            connection.execute("INSERT INTO proof VALUES (1, ?)", (proof,))
        os.replace(made, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise StorageFailed(f"{path}: the store could not be made ({error.strerror}); free some space") from None


def connect_to_read(path: Path, schema: int) -> sqlite3.Connection:
    """A connection that cannot write, to a file that claims to be a store of this schema.

    Raises:
        NotYet: there is no file.
        Corrupt: it is no store, or a torn one.
        Misconfigured: its schema is newer.
    """
    _check_size(path)
    with translated(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_SECONDS,
        )
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if application != _APPLICATION or version < 1:
                raise _corrupt(path, "it is no store of Hushrec")
            if version > schema:
                raise Misconfigured(
                    f"{path}: expected schema {schema} or older, got {version}; nothing was changed: update Hushrec"
                )
        except BaseException:
            connection.close()
            raise
    return connection


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """See that the file's structure is whole.

    Raises:
        Corrupt: it is torn.
    """
    with translated(path):
        ((verdict,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        raise _corrupt(path, "its pages do not fit together")


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The writer's connection: a commit is on disk when it returns, and what is deleted is written over.

    Raises:
        StorageFailed: the file cannot be written.
    """
    with translated(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_SECONDS,
        )
        for pragma in ("synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def errors_of(path: Path) -> SqliteErrors:
    """What SQLite raises about a store, in our own errors."""
    return SqliteErrors(path, "the store", lambda why: _corrupt(path, why))


def translated(path: Path) -> AbstractContextManager[None]:
    """See `SqliteErrors.translated`."""
    return errors_of(path).translated()


def _check_size(path: Path) -> None:
    """What SQLite lets pass: it takes an empty file for a new store, and a file cut within its last page for whole."""
    logged, size = (_size(one) for one in (path.with_name(f"{path.name}-wal"), path))
    if size is None:
        raise NotYet(f"{path}: there is no store yet; it is made with the device")
    if not size or (not logged and size % _PAGE_BYTES):
        raise _corrupt(path, f"{size} bytes are no whole pages")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"{path}: the store could not be read ({error.strerror})") from None


def _corrupt(path: Path, why: str) -> Corrupt:
    return Corrupt(
        f"{path}: expected a whole store, got another file or a torn one ({why}); nothing was changed: bring the file "
        "back from a copy, or move it away to begin anew"
    )
