"""The registry's SQLite file: its schema, its version, and one transaction per change."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from shared.sqlite import SqliteErrors, SqliteFile

_VERSION = 3
_PATIENCE_SECONDS = 30.0

_SCHEMA = f"""
BEGIN;
CREATE TABLE device (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),
    node_key TEXT NOT NULL UNIQUE,
    node_id TEXT UNIQUE,
    certificate BLOB NOT NULL CHECK (length(certificate) = 72),
    joined_seconds INTEGER NOT NULL,
    expiry_seconds INTEGER NOT NULL,
    revoked_seconds INTEGER
) STRICT;
CREATE TABLE invitation (
    code_sha256 BLOB PRIMARY KEY CHECK (length(code_sha256) = 32),
    created_seconds INTEGER NOT NULL,
    expires_seconds INTEGER NOT NULL,
    note TEXT NOT NULL,
    seats INTEGER NOT NULL CHECK (seats > 0)
) STRICT;
CREATE TABLE seat (
    device BLOB PRIMARY KEY REFERENCES device (id),
    code_sha256 BLOB NOT NULL REFERENCES invitation (code_sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_by_code ON seat (code_sha256);
CREATE TABLE answer (
    device BLOB NOT NULL REFERENCES device (id),
    task TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    last_round INTEGER NOT NULL CHECK (last_round >= 0),
    PRIMARY KEY (device, task)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
COMMIT;
"""


def create_registry(path: Path) -> None:
    """Make an empty registry of mode 0600.

    Raises:
        Misconfigured: there is a file already, or none can be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.chmod(path, 0o600)
    except OSError as error:
        raise Misconfigured(f"{path}: a registry could not be made there ({error.strerror})") from None
    with _errors_of(path).translated():
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        finally:
            connection.close()


def copy_registry(path: Path, target: Path) -> None:
    """Copy a registry as it is at one moment, whoever writes to it, into a new file.

    Raises:
        Misconfigured: there is none, or the copy cannot be written.
        NotYet: another process keeps it locked.
        Corrupt: it is damaged.
    """
    if not path.is_file():
        raise Misconfigured(f"{path}: expected the registry that `hushrec-server init` makes, found none")
    with (
        _errors_of(path).translated(),
        contextlib.closing(_connection(path)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_PATIENCE_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


class RegistryFile:
    """One connection, used by one thread at a time; several processes may have the same file open."""

    def __init__(self, path: Path) -> None:
        """Open a registry.

        Raises:
            Misconfigured: there is none, or it is of a newer version; the file is as it was.
            Corrupt: it is no registry.
        """
        self._path = path
        if not path.is_file():
            raise Misconfigured(f"{path}: expected the registry that `hushrec-server init` makes, found none")
        with _errors_of(path).translated():
            connection = _connection(path)
            try:
                self._check_version(connection)
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = FULL")
            except BaseException:
                connection.close()
                raise
        self._file = SqliteFile(connection, _errors_of(path))

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._file.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several reads that see one state."""
        with self._file.transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Reads and changes that no other process comes between: all of them are on disk at the end, or none.

        Raises:
            NotYet: another process has been writing for too long.
            Corrupt: the file is damaged.
        """
        with self._file.transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def damage(self) -> str:
        """What SQLite finds wrong with the file; empty when nothing is."""
        with self.reading() as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
        return "" if found == ["ok"] else "; ".join(found[:3])

    def _check_version(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise Misconfigured(
                f"{self._path}: expected version {_VERSION} of the registry, got {version}; update Hushrec"
            )
        if 0 < version < _VERSION:
            raise Misconfigured(
                f"{self._path}: expected version {_VERSION} of the registry, got {version}, which this version of "
                "Hushrec does not read; make the server anew"
            )
        if version < _VERSION:
            raise Corrupt(f"{self._path}: expected a registry, got another database; restore it from a copy")


def _errors_of(path: Path) -> SqliteErrors:
    return SqliteErrors(
        path,
        "the registry",
        lambda why: Corrupt(f"{path}: expected a sound registry, got a damaged one ({why}); restore it from a copy"),
    )
