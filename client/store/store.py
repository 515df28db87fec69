"""The behaviour log of one person. What it acknowledges is on disk, sealed; what it deletes is gone.

It is a `BehaviourLog`: the newest item that drew the person, and was new to them, is kept out of training, to measure
the device on.
"""

import sqlite3
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidTag

from client.store import opening
from client.store.controls import SealedControls
from client.store.database import StoreFile
from client.store.seal import SCHEMA, Seals, decode_event, encode_event
from shared.behaviour import Event, new_places
from shared.errors import Corrupt

_FEWEST_ITEMS = 3  # chosen, before one of them is kept out of training


class Store:
    """Sealed events in a SQLite file. May be used from several threads; one process writes, others may read beside it.

    Row ids grow with every event and are never given again, not even after a deletion.
    """

    def __init__(self, path: Path, database: StoreFile, seals: Seals) -> None:
        """Use `Store.open`."""
        self._path, self._database, self._seals = path, database, seals

    @classmethod
    def open(cls, path: Path, data_key: bytes, read_only: bool = False) -> Self:
        """Open the store at a path; a writer makes it where there is none.

        Args:
            path: of the store's file.
            data_key: 32 bytes.
            read_only: to read beside a writer, or without one.

        Raises:
            NotYet: there is another writer; or a reader finds no store yet.
            Corrupt: another key, no store, or a torn one; no byte of it was changed.
            Misconfigured: a newer schema, or the folder cannot be written; no byte of the store was changed.
        """
        seals = Seals(data_key)
        if read_only:
            return cls(path, StoreFile(path, _connected(path, seals), None), seals)
        lock = opening.WriterLock(path.parent / "run" / "store.lock")
        try:
            if not path.exists():
                opening.create_store(path, SCHEMA, seals.seal(b"", "proof", b""))
            reading = _connected(path, seals)
            try:
                opening.check_pages(path, reading)
                database = StoreFile(path, opening.connect_to_write(path), lock)
            finally:
                reading.close()
            database.empty_log()  # a process that was killed while it deleted may have left there what it deleted
        except BaseException:
            lock.release()
            raise
        return cls(path, database, seals)

    def __repr__(self) -> str:
        return f"Store({self._database!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        ((count,),) = self._database.read("SELECT count(*) FROM events")
        return int(count)

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._database.close()

    def append(self, events: Sequence[Event], keys: Sequence[str | None] | None = None) -> list[int]:
        """Write events, all of them or none, and return once they are on disk.

        Args:
            events: in the order they are to be written in.
            keys: one for each event, None for no key; an event whose key is known already is not written again.

        Returns:
            Their row ids, in their order; for a known key, that of the event written first.

        Raises:
            StorageFailed: the disk cannot take them; nothing was written.
            Misconfigured: this store was opened to read.
            NotYet, Corrupt: the file is busy or torn; nothing was written.
        """
        ids = []
        with self._database.write() as connection:
            last = _last_id(connection)
            for event, key in zip(events, keys or [None] * len(events), strict=True):
                tag = None if key is None else self._seals.tag(f"event {key}")
                known = tag and connection.execute("SELECT id FROM events WHERE tag = ?", (tag,)).fetchone()
                if known:
                    ids.append(int(known[0]))
                    continue
                last += 1
                sealed = self._seals.seal(encode_event(event), "events", _place(last, tag))
                connection.execute("INSERT INTO events VALUES (?, ?, ?)", (last, tag, sealed))
                ids.append(last)
        return ids

    def rows(self, after: int = 0) -> list[tuple[int, Event]]:
        """Every event with its row id, oldest first; only those of ids above `after`. Ids tell the order of arrival.

        Raises:
            Corrupt: a row is not what was written there; the message says which, and it can be deleted by its id.
        """
        stored = self._database.read("SELECT id, tag, sealed FROM events WHERE id > ?", (after,))
        rows = [(int(row), self._opened(row, tag, sealed)) for row, tag, sealed in stored]
        return sorted(rows, key=lambda entry: (entry[1].time_seconds, entry[0]))

    def events(self) -> Sequence[Event]:
        """The events to learn from, oldest first: all before the one that is held out.

        What came after that one, and chose no new item, is learnt from once there is a newer one.

        Raises:
            Corrupt: as `rows`.
        """
        return self._split()[0]

    def held_out(self) -> Sequence[Event]:
        """The newest event that chose a new item (see `new_places`); none while there are fewer than three such events.

        Raises:
            Corrupt: as `rows`.
        """
        return self._split()[1]

    def delete(self, ids: Sequence[int]) -> int:
        """Delete events for good; how many there were.

        Raises:
            NotYet: they are deleted, but a reader keeps older bytes in the file until the next deletion or start.
            StorageFailed: the disk is full; they may be deleted, but only a further deletion erases their bytes.
            Misconfigured, Corrupt: as `append`; nothing is deleted.
        """
        with self._database.write() as connection:
            counts = [connection.execute("DELETE FROM events WHERE id = ?", (row,)).rowcount for row in ids]
        self._database.erase()
        return sum(counts)

    def delete_all(self) -> int:
        """Delete all events for good; how many there were. What is kept in `controls` stays.

        Raises:
            NotYet, StorageFailed, Misconfigured, Corrupt: as `delete`.
        """
        with self._database.write() as connection:
            count = connection.execute("DELETE FROM events").rowcount
        self._database.erase()
        return count

    @property
    def controls(self) -> MutableMapping[str, str]:
        """Small sealed texts by name, such as what the person decided about their interests."""
        return SealedControls(self._path, self._database, self._seals)

    def _split(self) -> tuple[list[Event], list[Event]]:
        events = [event for _, event in self.rows()]
        places = new_places(events)  # a device offers nothing that was met, so it is asked for nothing of the kind
        if len(places) < _FEWEST_ITEMS:
            return events, []
        return events[: places[-1]], [events[places[-1]]]

    def _opened(self, row: int, tag: bytes | None, sealed: bytes) -> Event:
        try:
            return replace(decode_event(self._seals.open(sealed, "events", _place(row, tag))), arrival=row - 1)
        except InvalidTag:
            raise Corrupt(
                f"{self._path}: event {row}: expected what was sealed in this row, got another; bring the file back "
                f"from a copy, or delete event {row}"
            ) from None


def _connected(path: Path, seals: Seals) -> sqlite3.Connection:
    """A connection to read, once the key has proved to be the store's."""
    connection = opening.connect_to_read(path, SCHEMA)
    try:
        with opening.translated(path):
            proofs = connection.execute("SELECT sealed FROM proof").fetchall()
        try:
            ((sealed,),) = proofs
            seals.open(sealed, "proof", b"")
        except (InvalidTag, ValueError, TypeError):
            raise Corrupt(
                f"{path}: expected the key it was sealed with, got another; nothing was changed: "
                "bring back the keys that belong to it"
            ) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _last_id(connection: sqlite3.Connection) -> int:
    """The highest id ever given, deleted ones included."""
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(last)


def _place(row: int, tag: bytes | None) -> bytes:
    """What an event's seal is bound to within its table."""
    return row.to_bytes(8, "little", signed=True) + (tag or b"")
