"""TLS of a server's folder, over a connection."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from server.home import Home, ServerSettings, create_server


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A server nobody changes."""
    return create_server(tmp_path_factory.mktemp("made") / "server")


def _serve(home: Home, connections: int) -> int:
    """Answer so many connections, and then no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home.server_certificate_path, home.server_key_path)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)

    def serve() -> None:
        for _ in range(connections):
            connection, _ = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.sendall(b"hello")
            except OSError:
                connection.close()
        listener.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_tls_holds_for_the_names_in_the_settings_under_this_authority_alone(tmp_path, made):
    home = create_server(tmp_path / "server", ServerSettings(names=("films.example.org",)))
    port = _serve(home, 5)

    def greet(authority: Path, name: str) -> bytes:
        context = ssl.create_default_context(cafile=str(authority))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return secured.recv(5)

    with pytest.raises(ssl.SSLCertVerificationError):
        greet(made.authority_path, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        greet(home.authority_path, "other.example.org")
    for name in ("127.0.0.1", "localhost"):
        assert greet(home.authority_path, name) == b"hello"
    assert greet(home.authority_path, "films.example.org") == b"hello"
