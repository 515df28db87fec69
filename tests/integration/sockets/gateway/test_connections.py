"""Connections are counted at accept, before TLS: who has too many is cut off, and no descriptor left means a pause."""

import errno
import resource
import socket
from collections.abc import Iterator

import pytest

from server.gateway import connections
from server.gateway.connections import ConnectionCounts, CountingListener, listeners, raise_descriptor_limit
from shared.errors import Misconfigured

HOST = "127.0.0.1"


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    yield sockets
    for one in sockets:
        one.close()


def listening(opened: list[socket.socket], counts: ConnectionCounts, clock=lambda: 0.0) -> CountingListener:
    listener = CountingListener.at(socket.AF_INET, (HOST, 0), counts, clock)
    listener.settimeout(5)
    opened.append(listener)
    return listener


def call(opened: list[socket.socket], listener: socket.socket) -> socket.socket:
    """A connection that sends nothing."""
    caller = socket.create_connection(listener.getsockname())
    opened.append(caller)
    return caller


def test_counts_are_kept_in_all_and_by_address_and_nothing_is_left_of_those_that_closed() -> None:
    counts = ConnectionCounts(3, 2)
    assert [counts.open("a"), counts.open("a"), counts.open("a")] == [True, True, False]
    assert [counts.open("b"), counts.open("c")] == [True, False]
    counts.close("a")
    assert counts.open("c")
    for address in ("a", "b", "c"):
        counts.close(address)
    assert (counts.total, dict(counts._open)) == (0, {})


def test_a_connection_over_the_limit_is_closed_before_it_has_said_anything(opened: list[socket.socket]) -> None:
    counts = ConnectionCounts(10, 2)
    listener = listening(opened, counts)
    for _ in range(3):
        call(opened, listener)
    accepted = [listener.accept()[0] for _ in range(2)]
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()
    opened[-1].settimeout(5)
    assert opened[-1].recv(1) == b""  # the third one is cut off
    accepted[0].close()
    accepted[0].close()
    assert counts.total == 1
    listener.settimeout(5)
    call(opened, listener)
    accepted.append(listener.accept()[0])
    assert counts.total == 2
    opened += accepted


def test_a_flood_over_the_limit_leaves_time_for_others(opened: list[socket.socket], monkeypatch) -> None:
    monkeypatch.setattr(connections, "_DROPPED_AT_ONCE", 4)
    listener = listening(opened, ConnectionCounts(0, 10))
    for _ in range(6):
        call(opened, listener)
    with pytest.raises(BlockingIOError, match="over the limit"):
        listener.accept()


def test_without_descriptors_accepting_pauses_and_says_so_once(opened, monkeypatch, caplog) -> None:
    now = [0.0]
    listener = listening(opened, ConnectionCounts(10, 10), lambda: now[0])

    def without(self) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", without)
    with caplog.at_level("WARNING", "hushrec.server"):
        with pytest.raises(OSError, match="Too many"):  # by which asyncio knows to stop listening for a second
            listener.accept()
        for _ in range(50):
            with pytest.raises(BlockingIOError):
                listener.accept()
        assert len(caplog.records) == 1
        now[0] = connections._PAUSE_SECONDS
        with pytest.raises(OSError, match="Too many"):
            listener.accept()
    assert len(caplog.records) == 2


def test_other_errors_of_accepting_pass(opened, monkeypatch) -> None:
    listener = listening(opened, ConnectionCounts(10, 10))

    def aborted(self) -> None:
        raise ConnectionAbortedError(errno.ECONNABORTED, "gone")

    monkeypatch.setattr(socket.socket, "accept", aborted)
    with pytest.raises(ConnectionAbortedError):
        listener.accept()


def test_as_many_files_may_be_open_as_the_system_lets(monkeypatch, caplog) -> None:
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append((what, limits)))
    for hard, possible in ((1_000_000, 4096), (resource.RLIM_INFINITY, 4096), (1024, 704)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (256, hard))
        assert raise_descriptor_limit(4096) == possible
        assert asked[-1] == (resource.RLIMIT_NOFILE, (hard, hard))
    assert "wanted=4096 possible=704 open_files=1024" in caplog.text
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 512))
    with pytest.raises(Misconfigured, match="open files: expected that this process may have more than 640"):
        raise_descriptor_limit(4096)


def test_a_port_that_is_taken_is_named(opened: list[socket.socket]) -> None:
    listener = listening(opened, ConnectionCounts(1, 1))
    port = listener.getsockname()[1]
    with pytest.raises(Misconfigured, match=f"port {port} free, got 127.0.0.1"):
        listeners(HOST, port, ConnectionCounts(1, 1))
