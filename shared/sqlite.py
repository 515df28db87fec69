"""SQLite as the product uses it: one connection for one thread at a time, whole transactions, and errors of our own."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from shared.errors import Corrupt, NotYet, StorageFailed

_NOT_KEPT = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")


class SqliteErrors:
    """Turns what SQLite raises about one file into NotYet, StorageFailed and Corrupt."""

    def __init__(self, path: Path, what: str, damaged: Callable[[str], Corrupt]) -> None:
        """Speak of one file.

        Args:
            path: of the file, for messages.
            what: the file's name in messages, such as "the registry".
            damaged: makes the error of a torn file from the name of SQLite's.
        """
        self._path, self._what, self._damaged = path, what, damaged

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise our errors for SQLite's, but for those of a wrong call."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise NotYet(
                    f"{self._path}: {self._what} is in use by another process for too long; try again"
                ) from None
            if name.startswith(_NOT_KEPT):
                raise StorageFailed(
                    f"{self._path}: {self._what} could not be used ({name}); free some space, or mend who may "
                    "write there"
                ) from None
            raise self._damaged(name) from None


class SqliteFile:
    """An open file. Threads take turns; other processes may have it open too."""

    def __init__(self, connection: sqlite3.Connection, errors: SqliteErrors) -> None:
        """Take over a connection that was made with `isolation_level=None` and `check_same_thread=False`."""
        self._connection, self._errors = connection, errors
        self._turn = threading.RLock()

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of one statement, as they are at one moment.

        Raises:
            NotYet, StorageFailed, Corrupt: the file is busy, cannot be read, or is torn.
        """
        with self._turn, self._errors.translated():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
        """All of what is done inside or nothing: on disk when it ends, undone when it raises.

        Args:
            begin: `BEGIN` to read one state several times, `BEGIN IMMEDIATE` to change what no other process comes
                between.

        Raises:
            NotYet, StorageFailed, Corrupt: as `query`, or the disk is full; nothing is changed.
        """
        with self._turn, self._errors.translated():
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        with self._turn:
            self._connection.close()
