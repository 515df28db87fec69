"""A gateway that a test runs on loopback: it answers honestly, or whatever the test makes it say."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.home.tls import make_authority, make_server_certificate, to_pem
from shared.enrolment import Invitation, JoinAnswer, JoinRequest, Offer, fingerprint, sign_authority, sign_offer
from shared.secure_sum import issue_certificate

HOST = "127.0.0.1"
FAR_SECONDS = 4_000_000_000
CODE = bytes(range(16))


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One answer; a body of several pieces is sent without its length unless `length` gives one."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


class Gateway:
    """An HTTPS server whose answers are a mapping of paths, longest beginning first."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        """Make its certificates, at another moment than now if one is given."""
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.authority_key = ec.generate_private_key(ec.SECP256R1())
        now = now or datetime.now(UTC)
        self.authority = make_authority(self.authority_key, now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = make_server_certificate(self.authority_key, self.authority, key.public_key(), [HOST], now)
        folder.mkdir(parents=True, exist_ok=True)
        chain = folder / "server.pem"
        chain.write_bytes(to_pem(certificate) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self._server = _Server((HOST, 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://{HOST}:{self._server.server_address[1]}"

    @property
    def pem(self) -> str:
        """Of the authority."""
        return to_pem(self.authority).decode()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [asked.path for asked in self.asked]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                asked = Asked(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
                gateway.asked.append(asked)
                found = [path for path in gateway.answers if self.path.startswith(path)]
                reply = gateway.answers[max(found, key=len)](asked) if found else Reply(b"not found", 404)
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                pieces = [reply.body] if isinstance(reply.body, bytes) else reply.body
                length = len(reply.body) if isinstance(reply.body, bytes) and reply.length is None else reply.length
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if length is not None:
                    self.send_header("content-length", str(length))
                else:
                    self.close_connection = True
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(piece)
                if length is not None and (not isinstance(reply.body, bytes) or length != len(reply.body)):
                    self.close_connection = True

            do_GET = do_POST = _answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass  # devices hang up on a server that says too much


@dataclass
class Operator:
    """The keys of a server, and what it says when devices join."""

    federation: str
    operator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    registry: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    joined: list[JoinRequest] = field(default_factory=list)
    expiry_seconds: int = FAR_SECONDS

    @property
    def operator_key(self) -> bytes:
        return self.operator.public_key().public_bytes_raw()

    @property
    def registry_key(self) -> bytes:
        return self.registry.public_key().public_bytes_raw()

    def offer(self) -> Offer:
        return Offer(
            federation=self.federation,
            registry=self.registry_key,
            operator=self.operator_key,
            certificate_days=365,
            server="a library",
        )

    def invitation(self, gateway: Gateway, code: bytes = CODE) -> str:
        return Invitation(gateway.url, fingerprint(self.operator_key), code, FAR_SECONDS).encode()

    def certify(self, asked: Asked) -> Reply:
        request = JoinRequest.decode(asked.body)
        request.verify()
        self.joined.append(request)
        certificate = issue_certificate(self.registry, request.device_key, self.expiry_seconds)
        return Reply(JoinAnswer(certificate=certificate.encode()).encode())

    def serve(self, gateway: Gateway) -> None:
        """Answer joining devices honestly."""
        gateway.answers |= {
            "/v1/authority": lambda _: Reply(sign_authority(self.operator, gateway.pem).encode()),
            "/v1/join/offer": lambda _: Reply(sign_offer(self.operator, self.offer()).encode()),
            "/v1/join": self.certify,
        }


@contextmanager
def serving(folder: Path, operator: Operator) -> Iterator[Gateway]:
    """An honest gateway."""
    with Gateway(folder) as gateway:
        operator.serve(gateway)
        yield gateway


def endless(piece: bytes = b"x" * 65_536) -> Iterator[bytes]:
    """A body without an end."""
    while True:
        yield piece
