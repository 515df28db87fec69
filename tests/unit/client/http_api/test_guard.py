"""Who may speak to the local API, and about how much."""

import asyncio

import pytest

from client.http_api import guard
from client.http_api.guard import MOST_BODY_BYTES
from tests.support.asking_device import HOST, NEEDED, TOKEN

RIGHT_HOST = (b"host", HOST.encode())
RIGHT_TOKEN = (b"authorization", f"Bearer {TOKEN}".encode())
GUARDED = [
    ("POST", "/v1/events"),
    ("DELETE", "/v1/events"),
    ("GET", "/v1/recommendations"),
    ("POST", "/v1/search"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/items/a/explanation"),
    ("GET", "/v1/interests"),
    ("POST", "/v1/interests/a"),
    ("GET", "/v1/privacy"),
    ("GET", "/v1/export"),
    ("GET", "/v1/nothing"),
    ("OPTIONS", "/v1/events"),
    ("HEAD", "/v1/health"),
    ("GET", "//v1/health"),
]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", []),
        ("", [(b"authorization", b"Bearer wrong")]),
        ("", [(b"authorization", TOKEN.encode())]),
        ("", [(b"authorization", f"Basic {TOKEN}".encode())]),
        ("", [(b"authorization", f"Bearer {TOKEN} ".encode())]),
        ("", [(b"authorization", b"Bearer \xff\xfe")]),
        ("", [(b"authorization", b"")]),
        ("", [RIGHT_TOKEN, (b"authorization", b"Bearer wrong")]),
        (f"?token={TOKEN}&access_token={TOKEN}&authorization=Bearer%20{TOKEN}", []),
        ("", [(b"cookie", f"token={TOKEN}".encode()), (b"x-token", TOKEN.encode())]),
    ],
    ids=["none", "wrong", "bare", "basic", "longer", "bytes", "empty", "two", "query", "cookie"],
)
def test_without_the_token_in_its_header_nothing_is_told(api, query, headers):
    for method, path in GUARDED:
        answer = api.ask(method, f"{path}{query}", headers=[RIGHT_HOST, *headers])
        assert answer.status == 401, (method, path)
        assert (b"www-authenticate", b"Bearer") in answer.headers


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b"evil.example"],
        [b"evil.example:8787"],
        [b"127.0.0.1"],
        [b"127.0.0.1:80"],
        [b"127.0.0.1:8787.evil.example"],
        [HOST.encode(), b"evil.example"],
        [b""],
        [b"\xff"],
    ],
)
def test_another_host_is_refused_whatever_it_knows(api, hosts):
    for path in ("/v1/health", "/openapi.json", "/v1/interests"):
        assert api.ask("GET", path, headers=[*((b"host", host) for host in hosts), RIGHT_TOKEN]).status == 421


def test_no_answer_invites_other_origins_or_caches(api):
    asked = [
        ("GET", "/v1/interests", [*NEEDED, (b"origin", b"https://evil.example")]),
        (
            "OPTIONS",
            "/v1/events",
            [*NEEDED, (b"origin", b"https://evil.example"), (b"access-control-request-method", b"POST")],
        ),
        ("GET", "/v1/health", [RIGHT_HOST, (b"origin", b"null")]),
        ("GET", "/v1/interests", [RIGHT_HOST]),
    ]
    for method, path, headers in asked:
        answer = api.ask(method, path, headers=headers)
        assert not [name for name, _ in answer.headers if name.lower().startswith(b"access-control")]
        assert (b"cache-control", b"no-store") in answer.headers


def test_a_body_over_a_mebibyte_is_refused_in_one_piece_or_in_many(api, store):
    much = b" " * (MOST_BODY_BYTES + 1)
    parts = [b" " * 65_536] * 17
    for content in (much, parts):
        assert api.ask("POST", "/v1/events", content).status == 413
    fitting = b'{"events":[{"kind":"click","item":"a"}]}'
    headers = [*NEEDED, (b"content-type", b"application/json")]
    padded = [fitting, b" " * (MOST_BODY_BYTES - len(fitting))]
    assert api.ask("POST", "/v1/events", padded, headers).status == 200


def test_a_body_that_does_not_come_is_given_up(api, monkeypatch):
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.05)
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/events", "headers": list(NEEDED), "query_string": b""}
    api.loop.run_until_complete(asyncio.wait_for(api.app(scope, receive, send), 5))
    assert sent[0]["status"] == 408


def test_a_websocket_is_closed(api):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/events", "headers": list(NEEDED)}
    api.loop.run_until_complete(api.app(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_tokens_are_compared_in_constant_time(api, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return False

    monkeypatch.setattr(guard.hmac, "compare_digest", compare)
    for token in (b"", b"a", TOKEN.encode()):
        assert (
            api.ask("GET", "/v1/interests", headers=[RIGHT_HOST, (b"authorization", b"Bearer " + token)]).status == 401
        )
    assert compared == [(32, 32)] * 3
