"""What comes before every route: rates and faults that stay inside."""

import asyncio
import logging
import time
from email.utils import parsedate_to_datetime

import pytest

from server.gateway.guard import GatewayGuard
from server.gateway.limits import RateLimiter, address_prefix
from server.gateway.responses import HttpError, error_response
from shared.errors import NotYet
from tests.support.asking_gateway import ask, said


def guarded(app, requests_per_minute: int = 100, clock=lambda: 0.0) -> GatewayGuard:
    return GatewayGuard(app, body_bytes=65_536, requests_per_minute=requests_per_minute, clock=clock)


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


def test_whoever_is_refused_can_hold_their_clock_against_the_servers() -> None:
    for status in (401, 403):
        said_seconds = parsedate_to_datetime(error_response(status).headers["date"]).timestamp()
        assert abs(said_seconds - time.time()) < 3600
    assert "date" not in error_response(404).headers


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
