"""Waiting for a server: as long as it takes, no longer than was asked, and with a word on what is missing."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from server.health import Health, wait_until_up
from server.home import Home, ServerSettings, create_server
from server.uplock import holding_up_lock
from shared.errors import NotYet


class Clock:
    """Time that passes in sleep alone."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.seconds += seconds


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


def test_it_returns_at_the_first_answer(home: Home) -> None:
    clock, asked = Clock(), []

    def answers() -> bool:
        asked.append(clock.seconds)
        return len(asked) == 4

    with holding_up_lock(home):
        wait_until_up(home, 60.0, answers, clock.now, clock.sleep)
    assert len(asked) == 4
    assert clock.seconds == asked[-1] < 2.0


def test_a_server_that_comes_up_while_it_is_waited_for_is_found(home: Home) -> None:
    """The lock is taken while the caller sleeps; an answer before that is another server's."""
    clock, lock = Clock(), holding_up_lock(home)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if 3.0 <= clock.seconds < 3.0 + seconds:
            lock.__enter__()

    wait_until_up(home, 60.0, lambda: True, clock.now, sleep)
    assert 3.0 <= clock.seconds < 4.0
    lock.__exit__(None, None, None)


def test_what_does_not_answer_in_time_is_told_with_what_to_do(home: Home) -> None:
    clock = Clock()
    with pytest.raises(NotYet, match=r"within 5 seconds, got none; start it with `hushrec-server up .*/server`"):
        wait_until_up(home, 5.0, lambda: False, clock.now, clock.sleep)
    assert clock.seconds == pytest.approx(5.0)
    with holding_up_lock(home), pytest.raises(NotYet, match=r"still starting; wait longer, or see .*logs"):
        wait_until_up(home, 5.0, lambda: False, clock.now, clock.sleep)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Home, list[int]]]:
    """Something that speaks TLS with the server's own certificate, and answers with the statuses put in the list."""
    statuses: list[int] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        home = create_server(tmp_path / "server", ServerSettings(port=server.server_address[1]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home.server_certificate_path, home.server_key_path)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield home, statuses
        server.shutdown()
        thread.join()


def test_a_server_answers_when_its_gateway_says_so_under_its_own_authority(
    listening: tuple[Home, list[int]], tmp_path: Path
) -> None:
    home, statuses = listening
    statuses += [503, 200, 200]
    with Health(home) as health:
        assert not health.answers()
        assert health.answers()
    stranger = create_server(tmp_path / "stranger", home.settings)
    with Health(stranger) as health:
        assert not health.answers()
    with holding_up_lock(home):
        wait_until_up(home, 60.0)
    assert statuses == []


def test_where_nothing_listens_nothing_answers(home: Home) -> None:
    free = create_server(home.directory.parent / "free", ServerSettings(port=_free_port()))
    with Health(free) as health:
        assert not health.answers()


def _free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])
