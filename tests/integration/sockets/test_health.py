"""Whether a server answers, asked over TLS."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from server.health import Health, wait_until_up
from server.home import Home, ServerSettings, create_server
from server.instance_lock import instance_lock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create_server(tmp_path / "server")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Home, list[int]]]:
    """Something that speaks TLS with the server's own certificate, and answers with the statuses put in the list."""
    statuses: list[int] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if self.path == "/ready" else 404)
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


def test_a_server_answers_when_its_gateway_is_ready_under_its_own_authority(
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
    with instance_lock(home):
        wait_until_up(home, 60.0)
    assert statuses == []


def test_where_nothing_listens_nothing_answers(home: Home) -> None:
    free = create_server(home.directory.parent / "free", ServerSettings(port=_free_port()))
    with Health(free) as health:
        assert not health.answers()


def _free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])
