"""Asks an ASGI application exactly what a test says, however odd, and keeps what came back."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.types import ASGIApp, Message

from server.gateway.responses import WORDS
from shared.enrolment import JoinRequest, authorization
from shared.errors import NotYet
from shared.secure_sum import Identity

PROTOBUF = (b"content-type", b"application/protobuf")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def told(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """All that an answer tells whoever asks, but for the time of day."""
        return self.status, {name: value for name, value in self.headers.items() if name != b"date"}, self.body


def ask(
    app: ASGIApp,
    method: str,
    path: str | bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes | Iterable[bytes] = b"",
    *,
    query: bytes = b"",
    address: str = "192.0.2.1",
    decoded_path: str | None = None,
) -> Answer:
    """One request, as the server in front would hand it over."""
    raw = path.encode() if isinstance(path, str) else path
    pieces = iter([body] if isinstance(body, bytes) else body)
    sent: list[Message] = []

    async def receive() -> Message:
        piece = next(pieces, None)
        if piece is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": raw.decode("latin-1") if decoded_path is None else decoded_path,
        "raw_path": raw,
        "query_string": query,
        "headers": list(headers),
        "client": (address, 5),
        "http_version": "1.1",
    }
    asyncio.run(app(scope, receive, send))
    start = sent[0]
    return Answer(start["status"], dict(start["headers"]), b"".join(part.get("body", b"") for part in sent[1:]))


def said(answer: Answer) -> bool:
    """Whether this is one of the fixed answers."""
    return answer.body == json.dumps({"error": WORDS[answer.status]}, separators=(",", ":")).encode()


class FakeControl:
    """Flower's Control API: hands out numbers."""

    def __init__(self) -> None:
        self.registered: list[str] = []
        self.away = False

    def register(self, node_public_key: str) -> int:
        if self.away:
            raise NotYet("SuperLink: away")
        self.registered.append(node_public_key)
        return 10**18 + len(self.registered)

    def close(self) -> None:
        pass


@dataclass
class FakeSuperLink(httpx.AsyncBaseTransport):
    """Keeps every request that reaches it."""

    status: int = 200
    content: bytes = b"answer\x00\xff"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/protobuf", "x-inner": "1"})
    refusals: int = 0
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.refusals:
            self.refusals -= 1
            raise httpx.ConnectError("nobody there")
        body = b""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            self.pieces.append(piece)
            body += piece
        self.seen.append((f"{request.method} {request.url}", dict(request.headers), body))
        return httpx.Response(self.status, headers=self.headers, stream=_Stream(self.content))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for place in range(0, len(self._content), 4):
            yield self._content[place : place + 4]


class Person:
    """A device with both of its keys."""

    def __init__(self) -> None:
        self.identity = Identity(Ed25519PrivateKey.generate())
        self.node_key = ec.generate_private_key(ec.SECP384R1())

    @property
    def device(self) -> str:
        return self.identity.device.hex()

    def request(self, code: bytes) -> JoinRequest:
        return JoinRequest.make(code, self.identity, self.node_key)

    def signed(self, method: str, path: str, at: float | None = None) -> tuple[bytes, bytes]:
        return b"authorization", authorization(self.identity, method, path, at or time.time()).encode()

    def fleet(self, at: float | None = None) -> list[tuple[bytes, bytes]]:
        """The headers of Flower's own client."""
        pem = self.node_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        moment = datetime.fromtimestamp(at or time.time(), UTC).isoformat().encode()
        signature = self.node_key.sign(moment, ec.ECDSA(hashes.SHA256()))
        return [
            (b"flwr-public-key", base64.b64encode(pem)),
            (b"flwr-timestamp", moment),
            (b"flwr-signature", base64.b64encode(signature)),
            PROTOBUF,
        ]
