"""Asks an ASGI app without a socket, so that a test can send what no HTTP library would."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

TOKEN = "a-token-of-this-device"
HOST = "127.0.0.1:8787"
NEEDED = ((b"host", HOST.encode()), (b"authorization", f"Bearer {TOKEN}".encode()))


@dataclass(frozen=True)
class Answered:
    """Status, headers and body of an answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Asking:
    """One event loop and one app; an exception that leaves the app fails the test."""

    def __init__(self, app: Any) -> None:
        self.app, self.loop = app, asyncio.new_event_loop()

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def ask(
        self,
        method: str,
        target: str | bytes,
        content: object = b"",
        headers: Sequence[tuple[bytes, bytes]] = NEEDED,
    ) -> Answered:
        """Send one request; `content` that is not bytes goes as JSON, a list of bytes in parts."""
        raw = target.encode() if isinstance(target, str) else target
        if isinstance(content, list) and all(isinstance(part, bytes) for part in content):
            parts = content
        elif isinstance(content, bytes):
            parts = [content]
        else:
            parts, headers = [json.dumps(content).encode()], [*headers, (b"content-type", b"application/json")]
        return self.loop.run_until_complete(self._exchange(method, raw, parts, headers))

    async def _exchange(
        self, method: str, raw: bytes, parts: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]]
    ) -> Answered:
        path, _, query = raw.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(headers),
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8787),
            "state": {},
        }
        incoming = [
            {"type": "http.request", "body": part, "more_body": place < len(parts) - 1}
            for place, part in enumerate(parts)
        ] or [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        return Answered(start["status"], tuple(start["headers"]), b"".join(part.get("body", b"") for part in rest))
