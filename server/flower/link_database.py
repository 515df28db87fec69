"""The SuperLink's database as the gateway uses it: which nodes have messages, and who is still there.

A node that waits at the gateway asks nothing of the SuperLink. What it would ask is read here, of the SuperLink's own
rows; what its heartbeats would say is written here. Runs, messages and who is activated stay the SuperLink's alone.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL, HEARTBEAT_PATIENCE
from flwr.supercore.constant import NodeStatus
from flwr.supercore.utils import int64_to_uint64, uint64_to_int64

from server.home import Home
from shared.errors import NotYet

_PATIENCE_SECONDS = 1.0

_WITH_MESSAGES = "SELECT DISTINCT dst_node_id FROM message_ins WHERE delivered_at = '' AND created_at + ttl > ?"
_PRESENT = (
    "UPDATE node SET online_until = ? WHERE status = ? AND online_until > ? "
    "AND node_id IN (SELECT value FROM json_each(?)) RETURNING node_id"
)


class LinkDatabase:
    """One connection to the database of a SuperLink, opened anew when the file is another; for one thread at a time.

    Every method raises NotYet when the database cannot be used now: absent, locked, or of a Flower that this is not
    made for.
    """

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        """Open nothing yet.

        Args:
            home: folder of the server.
            clock: seconds since 1970 UTC.
        """
        self._path, self._clock = home.superlink_database, clock
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version = -1

    def __repr__(self) -> str:
        return f"LinkDatabase({self._path})"

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._file, self._version = None, None, -1

    def changed(self) -> bool:
        """Whether anybody else has written since this was asked last."""
        with self._opened() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            before, self._version = self._version, version
            return bool(version != before)

    def nodes_with_messages(self) -> frozenset[int]:
        """Numbers of all nodes that a message waits for."""
        with self._opened() as connection:
            found = connection.execute(_WITH_MESSAGES, (self._clock(),)).fetchall()
        return frozenset(int64_to_uint64(node) for (node,) in found)

    def keep_present(self, nodes: Collection[int]) -> frozenset[int]:
        """Do what a heartbeat of each of these nodes would; one that the SuperLink takes for gone stays gone.

        Returns:
            those that are present for as long as after a heartbeat.
        """
        now = self._clock()
        until = now + HEARTBEAT_PATIENCE * HEARTBEAT_DEFAULT_INTERVAL
        numbers = json.dumps([uint64_to_int64(node) for node in nodes])
        with self._opened() as connection:
            kept = connection.execute(_PRESENT, (until, NodeStatus.ONLINE, now, numbers)).fetchall()
        return frozenset(int64_to_uint64(node) for (node,) in kept)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            found = os.stat(self._path)
            if (found.st_dev, found.st_ino) != self._file:
                self.close()
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=rw",
                    uri=True,
                    timeout=_PATIENCE_SECONDS,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._file = found.st_dev, found.st_ino
            yield self._connection
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise NotYet(f"{self._path}: the SuperLink's database could not be used now ({error})") from None
