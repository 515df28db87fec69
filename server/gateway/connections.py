"""Connections counted from the moment they are accepted, before a byte of TLS: so many in all, so many of one address.

Whatever is over a limit is closed at once, and costs nothing more. When the process has no descriptor left all the
same, accepting pauses instead of trying again and again.
"""

import errno
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from server.gateway.limits import address_prefix
from server.logs import log_line
from shared.errors import Misconfigured

_BACKLOG = 1024
_DROPPED_AT_ONCE = 64
_PAUSE_SECONDS = 1.0  # as long as asyncio waits after such an error before it listens again
_KEPT_DESCRIPTORS = 320  # for what is no device's connection: those to the SuperLink, files, the registry
_WITHOUT_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ConnectionCounts:
    """How many connections are open, in all and by address."""

    def __init__(self, most: int, most_of_one_address: int) -> None:
        """None is open yet.

        Args:
            most: open at a time, from everywhere together.
            most_of_one_address: of those, of one address; for IPv6 of one subscriber's network.
        """
        self._most, self._most_of_one_address = most, most_of_one_address
        self._open: Counter[str] = Counter()
        self._total = 0

    @property
    def total(self) -> int:
        """How many are open."""
        return self._total

    def open(self, address: str) -> bool:
        """Count a connection, unless there are too many; whether it is counted."""
        if self._total >= self._most or self._open[address] >= self._most_of_one_address:
            if not self._open[address]:
                del self._open[address]
            return False
        self._total += 1
        self._open[address] += 1
        return True

    def close(self, address: str) -> None:
        """Count a connection no more."""
        self._total -= 1
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class CountedConnection(socket.socket):
    """One that is counted until it is closed."""

    _ended: Callable[[], None] | None = None

    def close(self) -> None:
        """Close it, and count it no more."""
        ended, self._ended = self._ended, None
        super().close()
        if ended is not None:
            ended()


class CountingListener(socket.socket):
    """Hands out connections that are counted, and none that is over a limit."""

    _counts = ConnectionCounts(0, 0)
    _clock: Callable[[], float] = staticmethod(time.monotonic)
    _paused_until = 0.0

    @classmethod
    def at(
        cls, family: int, address: Any, counts: ConnectionCounts, clock: Callable[[], float] = time.monotonic
    ) -> "CountingListener":
        """Listen at an address, as `socket.getaddrinfo` gives it with its family.

        Raises:
            OSError: nothing can listen there.
        """
        listener = cls(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        listener._counts, listener._clock = counts, clock
        return listener

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that is within the limits.

        Raises:
            BlockingIOError: there is none now, or descriptors ran out a moment ago.
            OSError: descriptors have run out; asyncio then listens again after a second.
        """
        for _ in range(_DROPPED_AT_ONCE):
            try:
                connection, address = super().accept()
            except OSError as error:
                if error.errno not in _WITHOUT_RESOURCES:
                    raise
                if self._clock() < self._paused_until:  # asyncio would ask again at once, and log each time
                    raise BlockingIOError(errno.EAGAIN, "paused") from None
                self._paused_until = self._clock() + _PAUSE_SECONDS
                log_line("connections", logging.WARNING, open=self._counts.total, failed=error.strerror)
                raise
            who = address_prefix(address[0])
            if self._counts.open(who):
                counted = CountedConnection(fileno=connection.detach())
                counted._ended = partial(self._counts.close, who)
                return counted, address
            connection.close()
        raise BlockingIOError(errno.EAGAIN, "too many connections over the limit at once")


def raise_descriptor_limit(connections: int) -> int:
    """Let this process open as many files as the system lets it, and say how many connections that leaves room for.

    Args:
        connections: that are wanted.

    Raises:
        Misconfigured: there is room for hardly any.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or connections + _KEPT_DESCRIPTORS <= hard:
        return connections
    if hard <= 2 * _KEPT_DESCRIPTORS:
        raise Misconfigured(
            f"open files: expected that this process may have more than {2 * _KEPT_DESCRIPTORS}, got {hard}; raise the "
            "hard limit (`ulimit -Hn`, LimitNOFILE= of systemd)"
        )
    log_line("connections", logging.WARNING, wanted=connections, possible=hard - _KEPT_DESCRIPTORS, open_files=hard)
    return hard - _KEPT_DESCRIPTORS


def listeners(host: str, port: int, counts: ConnectionCounts) -> list[CountingListener]:
    """Listen at every address that a host name stands for.

    Raises:
        Misconfigured: there is none, or one is taken.
    """
    opened: list[CountingListener] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            opened.append(CountingListener.at(family, address, counts))
    except OSError as error:
        for listener in opened:
            listener.close()
        raise Misconfigured(
            f"host: expected an address of this machine with port {port} free, got {host} ({error.strerror}); change "
            "host or port in server.toml"
        ) from None
    return opened
