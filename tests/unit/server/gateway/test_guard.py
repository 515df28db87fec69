"""What comes before every route: rates, faults that stay inside, and thousands of bent requests."""

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.gateway.guard import Guard
from server.gateway.limits import RateLimiter, address_prefix
from server.gateway.responses import HttpError
from shared.errors import NotYet
from tests.support.asking_gateway import Person, ask, said
from tests.unit.server.gateway.conftest import House, make_house


def guarded(app, requests_per_minute: int = 100, clock=lambda: 0.0) -> Guard:
    return Guard(app, body_bytes=65_536, requests_per_minute=requests_per_minute, clock=clock)


async def hello(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_a_bucket_holds_a_minutes_worth_and_refills_evenly() -> None:
    now = [0.0]
    buckets = RateLimiter(60, lambda: now[0])
    assert [buckets.take("a") for _ in range(61)] == [True] * 60 + [False]
    assert buckets.take("b")
    now[0] = 2.0  # two tokens
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    now[0] = 10_000.0
    assert sum(buckets.take("a") for _ in range(100)) == 60


def test_buckets_of_the_quietest_callers_go_first() -> None:
    buckets = RateLimiter(1, lambda: 0.0)
    for number in range(70_000):
        buckets.take(str(number))
    assert len(buckets._buckets) == 65_536
    assert not buckets.take("69999")
    assert buckets.take("0")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("nonsense", "nonsense", True),
    ],
)
def test_one_subscriber_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (address_prefix(one) == address_prefix(other)) is same


def test_an_address_that_asks_too_often_waits_and_the_others_do_not() -> None:
    app = guarded(hello, requests_per_minute=2)
    assert [ask(app, "GET", "/health").status for _ in range(3)] == [200, 200, 429]
    answer = ask(app, "GET", "/health")
    assert said(answer)
    assert answer.headers[b"retry-after"] == b"5"
    assert ask(app, "POST", "/v1/fleet/pull-messages").status == 503  # Flower's client gives up after 429
    assert ask(app, "GET", "/health", address="192.0.2.2").status == 200


def test_a_head_that_is_too_large_is_refused_however_it_comes() -> None:
    assert ask(guarded(hello), "GET", "/health", [(b"x", b"a" * 16_000)]).status == 200
    assert ask(guarded(hello), "GET", "/health", [(b"x", b"a" * 17_000)]).status == 400
    assert ask(guarded(hello), "GET", "/health", [(b"x", b"a" * 900)] * 20).status == 400


def test_a_body_that_does_not_come_ends_the_request() -> None:
    async def reading(scope, receive, send) -> None:
        await receive()

    async def asked() -> list[dict]:
        sent = []

        async def never() -> dict:
            await asyncio.sleep(1000)
            raise AssertionError

        async def send(message) -> None:
            sent.append(message)

        loop = asyncio.get_running_loop()
        hurry = iter([0.0, 0.0, 100.0])
        real, loop.time = loop.time, lambda: real() + next(hurry, 100.0)
        scope = {"type": "http", "method": "POST", "path": "/v1/join", "raw_path": b"/v1/join", "query_string": b""}
        await guarded(reading)({**scope, "headers": [], "client": ("192.0.2.1", 1)}, never, send)
        return sent

    assert asyncio.run(asked())[0]["status"] == 408


def test_a_fault_stays_inside_with_its_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def failing(scope, receive, send) -> None:
        raise RuntimeError("a secret of /home/somebody")

    answer = ask(guarded(failing), "GET", "/health")
    assert answer.status == 500
    assert said(answer)
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert "test_guard.py" in caplog.text


def test_a_registry_that_is_locked_means_try_again() -> None:
    async def waiting(scope, receive, send) -> None:
        raise NotYet("locked")

    assert ask(guarded(waiting), "GET", "/health").status == 503


def test_half_an_answer_is_cut_off_rather_than_ended() -> None:
    async def failing(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise HttpError(503)

    with pytest.raises(Exception, match=r"^$") as cut:
        ask(guarded(failing), "GET", "/health")
    assert cut.type.__name__ == "_Cut"


PATHS = [
    "/health", "/v1/authority", "/v1/join", "/v1/join/offer", "/v1/renew", "/v1/revocations", "/v1/releases/chain",
    f"/v1/releases/{'a' * 64}/manifest.json", "/v1/fleet/pull-messages", "/v1/fleet/push-object",
    "/v1/control/start-run",
]  # fmt: skip
NAMES = [
    b"authorization", b"content-length", b"content-type", b"transfer-encoding", b"flwr-public-key", b"flwr-signature",
    b"flwr-timestamp", b"host", b"cookie", b"range", b"expect",
]  # fmt: skip
some_bytes = st.binary(max_size=200)
paths = st.one_of(
    st.sampled_from(PATHS).map(str.encode),
    st.tuples(st.sampled_from(PATHS).map(str.encode), some_bytes).map(b"".join),
    some_bytes,
)
jsons = st.recursive(st.none() | st.integers() | st.text(max_size=30), lambda inner: st.lists(inner, max_size=3)).map(
    lambda value: str({"code": value}).replace("'", '"').encode("utf-8", "replace")
)


@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    path=paths,
    query=st.just(b"") | some_bytes,
    headers=st.lists(st.tuples(st.sampled_from(NAMES), some_bytes), max_size=4),
    known=st.booleans(),
    body=st.binary(max_size=300) | jsons,
)
def test_bent_requests_get_fixed_words_and_reach_nothing(
    bent_house: tuple[House, Person], method, path, query, headers, known, body
) -> None:
    house, member = bent_house
    reached, registered = len(house.superlink.seen), len(house.control.registered)
    if known:
        headers = [*headers, *member.fleet()[:3], member.signed(method, path.decode("latin-1"))]
    answer = ask(house.app, method, path, headers, body, query=query)
    assert answer.status < 500
    assert answer.status == 200 or said(answer)
    assert len(house.control.registered) == registered
    if not known or (b"content-type", b"application/protobuf") not in headers:
        assert len(house.superlink.seen) == reached


@pytest.fixture(scope="module")
def bent_house(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Person]:
    house = make_house(tmp_path_factory.mktemp("bent"))
    return house, house.joined()
