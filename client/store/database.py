"""The store's file, open: reads, whole writes, and deletions that leave no bytes behind.

It knows nothing of what it keeps.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from client.store.opening import WriterLock, translated
from shared.errors import Misconfigured, NotYet


class Database:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        """Take over an open connection.

        Args:
            lock: of the writer; None for a connection that reads.
        """
        self._path, self._connection, self._lock = path, connection, lock
        self._turn = threading.RLock()

    def __repr__(self) -> str:
        return f"Database({'reads' if self._lock is None else 'writes'})"

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of one query, as they are at one moment.

        Raises:
            NotYet, Misconfigured, Corrupt: the file is busy, cannot be read, or is torn.
        """
        with self._turn, translated(self._path):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of what is done in it or nothing, and on disk when it ends.

        Raises:
            Misconfigured: this connection reads, or the disk cannot take it.
            NotYet, Corrupt: the file is busy or torn.
        """
        if self._lock is None:
            raise Misconfigured(f"{self._path}: expected a store that was opened to write, got one opened to read")
        with self._turn, translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def erase(self) -> None:
        """Build the file anew without what was deleted, and empty the write-ahead log beside it.

        Raises:
            NotYet: a reader is in the way for longer than it should; the next deletion or start does it.
        """
        with self._turn, translated(self._path):
            try:
                self._connection.execute("VACUUM")
            finally:
                emptied = self.empty_log()
        if not emptied:
            raise NotYet(
                f"{self._path}: deleted, but a reader keeps older bytes of the file; end it and start the device again"
            )

    def empty_log(self) -> bool:
        """Move everything from the write-ahead log into the file; False while a reader is in the way."""
        with self._turn, translated(self._path):
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        with self._turn:
            self._connection.close()
            if self._lock is not None:
                self._lock.release()
