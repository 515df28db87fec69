"""The store's file, open: reads, whole writes, and deletions that leave no bytes behind.

It knows nothing of what it keeps.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from client.store.opening import WriterLock, errors_of
from shared.errors import Misconfigured, NotYet
from shared.sqlite import SqliteFile


class StoreFile:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        """Take over an open connection.

        Args:
            path: of the file, for messages.
            connection: open to read, or to write with `lock`.
            lock: of the writer; None for a connection that reads.
        """
        self._path, self._lock = path, lock
        self._file = SqliteFile(connection, errors_of(path))

    def __repr__(self) -> str:
        return f"StoreFile({'reads' if self._lock is None else 'writes'})"

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of one query, as they are at one moment.

        Raises:
            NotYet, StorageFailed, Corrupt: the file is busy, cannot be read, or is torn.
        """
        return self._file.query(statement, values)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of what is done in it or nothing, and on disk when it ends.

        Raises:
            Misconfigured: this connection reads.
            StorageFailed: the disk cannot take it.
            NotYet, Corrupt: the file is busy or torn.
        """
        if self._lock is None:
            raise Misconfigured(f"{self._path}: expected a store that was opened to write, got one opened to read")
        with self._file.transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def erase(self) -> None:
        """Build the file anew without what was deleted, and empty the write-ahead log beside it.

        Raises:
            NotYet: a reader is in the way for longer than it should; the next deletion or start does it.
            StorageFailed: there is no room to build it; the next deletion does it.
        """
        try:
            self._file.query("VACUUM")
        finally:
            emptied = self.empty_log()
        if not emptied:
            raise NotYet(
                f"{self._path}: deleted, but a reader keeps older bytes of the file; end it and start the device again"
            )

    def empty_log(self) -> bool:
        """Move everything from the write-ahead log into the file; False while a reader is in the way."""
        ((busy, _, _),) = self._file.query("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._file.close()
        if self._lock is not None:
            self._lock.release()
