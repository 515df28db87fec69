"""Flower's calls reach the SuperLink from members alone, byte for byte, and by no other spelling."""

import asyncio
import time
from pathlib import Path

import pytest

from server.gateway import make_gateway
from server.gateway.fleet import Fleet
from server.gateway.responses import HttpError
from server.home import create_server
from tests.support.asking_gateway import PROTOBUF, FakeControl, FakeSuperLink, Person, ask, said
from tests.support.house import House

PULL = "/v1/fleet/pull-messages"


def test_a_members_call_passes_byte_for_byte_with_the_headers_it_needs(house: House, member: Person) -> None:
    body = bytes(range(256)) * 3
    extra = [(b"cookie", b"a=b"), (b"x-forwarded-for", b"127.0.0.1"), (b"host", b"evil"), (b"flwr-superexec-ts", b"1")]
    answer = ask(house.app, "POST", PULL, [*member.fleet(), *extra, (b"flwr-component-name", b"SuperNode")], body)
    assert (answer.status, answer.body) == (200, house.superlink.content)
    assert answer.headers == {b"content-type": b"application/protobuf"}
    ((line, headers, received),) = house.superlink.seen
    assert line == f"POST https://127.0.0.1:{house.home.settings.superlink_port}{PULL}"
    assert received == body
    own = {"accept", "accept-encoding", "connection", "user-agent", "transfer-encoding", "host"}
    assert set(headers) - own == {
        "flwr-public-key", "flwr-timestamp", "flwr-signature", "content-type", "flwr-component-name"
    }  # fmt: skip
    assert headers["host"].startswith("127.0.0.1")
    assert headers["accept-encoding"] == "identity"


def test_a_body_passes_piece_by_piece(house: House, member: Person) -> None:
    received_before_the_last: list[int] = []

    def pieces():
        for number in range(4):
            yield bytes([number]) * 1000
        received_before_the_last.append(len(house.superlink.pieces))
        yield b"end"

    assert ask(house.app, "POST", "/v1/fleet/push-object", member.fleet(), pieces()).status == 200
    assert received_before_the_last[0] >= 3
    assert len(house.superlink.seen[0][2]) == 4003


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_ends_there(house: House, member: Person, declared: bool) -> None:
    taken: list[int] = []

    def pieces():
        for number in range(100):
            taken.append(number)
            yield b"x" * 10_000

    length = [(b"content-length", b"1000000")] if declared else []
    answer = ask(house.app, "POST", "/v1/fleet/push-object", [*member.fleet(), *length], pieces())
    assert answer.status == 413
    assert said(answer)
    assert len(taken) == (0 if declared else 7)  # 65,536 bytes are allowed
    assert not house.superlink.seen


def strangers(house: House, member: Person) -> dict[str, list[tuple[bytes, bytes]]]:
    """Everyone who must not be told apart from anyone else."""
    genuine = dict(member.fleet())
    other = dict(Person().fleet())
    revoked = house.joined()
    house.registry.revoke(revoked.device, time.time())
    return {
        "nobody": [PROTOBUF],
        "unregistered": list(other.items()),
        "revoked": revoked.fleet(),
        "forged": list({**genuine, b"flwr-signature": other[b"flwr-signature"]}.items()),
        "stolen name": list({**other, b"flwr-public-key": genuine[b"flwr-public-key"]}.items()),
        "old": member.fleet(time.time() - 400),
        "early": member.fleet(time.time() + 400),
        "another time": list({**genuine, b"flwr-timestamp": b"2026-01-01T00:00:00+00:00"}.items()),
        "no zone": list({**genuine, b"flwr-timestamp": b"2026-01-01T00:00:00"}.items()),
        "no time": list({**genuine, b"flwr-timestamp": b"\xff"}.items()),
        "no key": list({**genuine, b"flwr-public-key": b"????"}.items()),
        "long": list({**genuine, b"flwr-public-key": b"QUJD" * 3000}.items()),
    }


def test_strangers_get_one_answer_and_reach_nothing(house: House, member: Person) -> None:
    answers = {who: ask(house.app, "POST", PULL, headers, b"body") for who, headers in strangers(house, member).items()}
    assert {who: answer.status for who, answer in answers.items()} == dict.fromkeys(answers, 403)
    assert all(answer.told == answers["nobody"].told for answer in answers.values())
    assert said(answers["nobody"])
    assert not house.superlink.seen


@pytest.mark.parametrize(
    "path",
    [
        "/v1/fleet/register-node",
        "/v1/fleet/unregister-node",
        "/v1/fleet/other",
        "/v1/fleet/",
        "/v1/fleet",
        "/v1/fleet/pull-messages/",
        "/v1/fleet/pull-messages/x",
        "/v1/control/start-run",
        "/v1/control/register-node",
        "/v1/control/list-nodes",
        "/v1/runtime/acquire-task",
        "/v1/runtime/pull-task-input",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/",
        "",
    ],
)
def test_other_calls_do_not_exist_even_for_a_member(house: House, member: Person, path: str) -> None:
    answer = ask(house.app, "POST", path, member.fleet(), b"body")
    assert answer.status == 404
    assert said(answer)
    assert not house.superlink.seen


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/v1/fleet/../control/start-run", None),
        ("/v1/fleet/./pull-messages", None),
        ("/v1/fleet/.../pull-messages", None),
        ("/v1/fleet/..%2fcontrol%2fstart-run", "/v1/fleet/../control/start-run"),
        ("/v1/fleet/%2e%2e/control/start-run", "/v1/fleet/../control/start-run"),
        ("/v1/%66leet/pull-messages", "/v1/fleet/pull-messages"),
        ("/v1/fleet%2fpull-messages", "/v1/fleet/pull-messages"),
        ("/v1/fleet/pull-messages%00", "/v1/fleet/pull-messages\x00"),
        ("/v1/fleet/pull-messages%0d%0aHost:x", "/v1/fleet/pull-messages\r\nHost:x"),
        ("//v1/fleet/pull-messages", None),
        ("/v1//fleet/pull-messages", None),
        ("/v1/fleet//pull-messages", None),
        ("/v1/fleet/pull-messages;x=1", None),
        ("/v1\\fleet\\pull-messages", None),
        ("/v1/fleet/pull-messages#x", None),
        ("/V1/fleet/pull-messages", None),
        ("https://127.0.0.1:9442/v1/control/start-run", None),
        ("http://x/v1/fleet/pull-messages", None),
        ("*", None),
        ("v1/fleet/pull-messages", None),
        ("/v1/fleet/pull-messages\xe9", None),
        ("/" + "a/" * 4000, None),
    ],
)
def test_odd_spellings_reach_nothing(house: House, member: Person, path: str, decoded: str | None) -> None:
    answer = ask(house.app, "POST", path.encode("latin-1"), member.fleet(), b"body", decoded_path=decoded)
    assert answer.status == 404
    assert said(answer)
    assert not house.superlink.seen


@pytest.mark.parametrize("query", [b"x=1", b"after=1", b"after=", b"after=1&after=2", b"%2e"])
def test_a_call_has_no_query(house: House, member: Person, query: bytes) -> None:
    assert ask(house.app, "POST", PULL, member.fleet(), b"", query=query).status == 404
    assert not house.superlink.seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT", "TRACE", "post", ""])
def test_other_methods_reach_nothing(house: House, member: Person, method: str) -> None:
    assert ask(house.app, method, PULL, member.fleet(), b"").status == 405
    assert not house.superlink.seen


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"4"), (b"content-length", b"4")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity")],
        [(b"host", b"a"), (b"host", b"b")],
        [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
        [(b"upgrade", b"h2c"), (b"connection", b"upgrade, http2-settings")],
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_read_in_none(
    house: House, member: Person, headers: list[tuple[bytes, bytes]]
) -> None:
    answer = ask(house.app, "POST", PULL, [*member.fleet(), *headers], b"body")
    assert answer.status == 400
    assert said(answer)
    assert not house.superlink.seen


def test_only_protobuf_passes(house: House, member: Person) -> None:
    for kind in (b"application/json", b"application/protobuf; charset=x", b""):
        headers = [(name, value) for name, value in member.fleet() if name != b"content-type"]
        assert ask(house.app, "POST", PULL, [*headers, (b"content-type", kind)], b"").status == 415
    assert not house.superlink.seen


def test_a_websocket_gets_no_answer(house: House) -> None:
    async def nothing(*_: object) -> dict[str, str]:
        raise AssertionError("asked or answered")

    asyncio.run(house.app({"type": "websocket", "path": PULL}, nothing, nothing))  # type: ignore[arg-type]


def test_what_flower_refuses_passes_and_its_faults_do_not(house: House, member: Person) -> None:
    refusal = b'{"code":2007,"detail":"The run has ended."}'
    house.superlink.headers = {"content-type": "application/json"}
    house.superlink.status, house.superlink.content = 403, refusal
    answer = ask(house.app, "POST", PULL, member.fleet())
    assert (answer.status, answer.body) == (403, refusal)
    house.superlink.content = b"Traceback: /home/somebody"
    for status, shown in ((500, 500), (502, 503), (503, 503), (504, 503)):
        house.superlink.status = status
        answer = ask(house.app, "POST", PULL, member.fleet())
        assert answer.status == shown
        assert said(answer)


def test_a_superlink_that_starts_again_is_waited_for(house: House, member: Person) -> None:
    house.superlink.refusals = 3
    answer = ask(house.app, "POST", PULL, member.fleet(), b"body")
    assert answer.status == 200
    assert house.superlink.seen[0][2] == b"body"


def test_a_superlink_that_stays_away_means_try_again(house: House, member: Person) -> None:
    now = iter(range(100))
    away = FakeSuperLink(refusals=1000)
    fleet = Fleet(house.home, away, patience_seconds=2, clock=lambda: float(next(now)))

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: object) -> None:
        raise AssertionError("answered")

    scope = {"type": "http", "method": "POST", "path": PULL, "headers": [PROTOBUF], "query_string": b""}
    with pytest.raises(HttpError) as answer:
        asyncio.run(fleet.passing("pull-messages", scope, receive, send))  # type: ignore[arg-type]
    assert answer.value.status == 503
    assert away.refusals == 998


def test_alive_is_told_from_ready_and_both_answer_a_probe_that_wants_no_body(house: House) -> None:
    for method in ("GET", "HEAD"):
        assert ask(house.app, method, "/health").status == 200
        assert ask(house.app, method, "/ready").status == 200
    assert ask(house.app, "GET", "/health").body == b'{"status":"ok"}'
    assert ask(house.app, "GET", "/ready").body == b'{"status":"ready"}'
    for path in ("/health", "/ready"):
        assert ask(house.app, "POST", path).status == 405
        assert ask(house.app, "GET", path, query=b"after=1").status == 404


@pytest.mark.parametrize("away", [{"refusals": 10**6}, {"status": 500}])
def test_a_gateway_whose_superlink_is_away_is_alive_and_not_ready(tmp_path: Path, away: dict[str, int]) -> None:
    app = make_gateway(create_server(tmp_path / "server"), control=FakeControl(), superlink=FakeSuperLink(**away))
    answer = ask(app, "GET", "/ready")
    assert (answer.status, answer.headers[b"retry-after"]) == (503, b"5")
    assert said(answer)
    assert ask(app, "HEAD", "/ready").status == 503
    assert ask(app, "GET", "/health").status == 200


def test_however_many_ask_whether_it_is_ready_the_superlink_is_asked_once_a_second(house: House) -> None:
    now = [0.0]
    superlink = FakeSuperLink()
    fleet = Fleet(house.home, superlink, clock=lambda: now[0])

    async def many() -> list[bool]:
        return await asyncio.gather(*(fleet.answers() for _ in range(50)))

    assert asyncio.run(many()) == [True] * 50
    assert len(superlink.seen) == 1
    now[0], superlink.status = 1.0, 503
    assert asyncio.run(fleet.answers()) is False
    assert [line for line, _, _ in superlink.seen] == [
        f"GET https://127.0.0.1:{house.home.settings.superlink_port}/health"
    ] * 2
