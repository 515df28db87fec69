"""A device whose clock is off is told so: by the server's Date, or by a certificate of another time."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.gateway import GatewayClient
from shared.errors import Corrupt, HushrecError, NotYet, Refused
from shared.secure_sum import Identity
from tests.support.gateways import Gateway, Reply

DAY_SECONDS = 86_400.0
IDENTITY = Identity(Ed25519PrivateKey.generate())


@pytest.fixture
def gateway(tmp_path):
    with Gateway(tmp_path / "gateway") as gateway:
        yield gateway


def said(gateway, days, kind, exchange=False):
    """What a device says whose clock is off by so many days."""
    with GatewayClient(gateway.url, gateway.pem, IDENTITY, lambda: time.time() + days * DAY_SECONDS) as link:
        if exchange:
            return link.exchange("/v1/x", b"", {}, 100).clock
        with pytest.raises(HushrecError) as raised:
            link.get("/v1/x", 100)
    assert type(raised.value) is kind
    return str(raised.value)


@pytest.mark.parametrize(("status", "kind"), [(401, NotYet), (403, Refused)])
@pytest.mark.parametrize("days", [-2, 2])
def test_a_refusal_sets_the_servers_clock_beside_the_devices_where_they_differ(gateway, status, kind, days):
    gateway.answers["/v1/x"] = lambda _: Reply(b"", status)
    now = datetime.now(UTC)
    message = said(gateway, days, kind)
    for moment, whose in ((now + timedelta(days=days), "device's clock says"), (now, "the server's")):
        assert f"{whose} {moment:%Y-%m-%d}" in message or f"{whose} {moment + timedelta(minutes=5):%Y-%m-%d}" in message
    assert message.endswith("set this device's clock")
    assert "set this device's clock" in said(gateway, days, kind, exchange=True)


def test_a_refusal_of_a_device_whose_clock_is_right_speaks_of_no_clock(gateway):
    gateway.answers["/v1/x"] = lambda _: Reply(b"", 403)
    assert "clock" not in said(gateway, 0, Refused)
    assert said(gateway, 0, Refused, exchange=True) == ""


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 99999 00:00:00 GMT", "knee pain" * 500])
def test_a_date_that_is_none_is_not_quoted_and_leaves_the_devices_own(gateway, monkeypatch, date):
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.date_time_string", lambda *_: date)
    gateway.answers["/v1/x"] = lambda _: Reply(b"", 403)
    message = said(gateway, 2, Refused)
    assert message.endswith("UTC: set it if that is wrong")
    assert "yesterday" not in message
    assert "knee" not in message


@pytest.mark.parametrize("days", [-9_000, 90])
def test_a_certificate_of_another_time_is_told_from_a_strangers(tmp_path, days):
    with Gateway(tmp_path / "gateway", datetime.now(UTC) + timedelta(days=days)) as gateway:
        gateway.answers["/v1/x"] = lambda _: Reply(b"")
        message = said(gateway, 0, Corrupt)
        assert f"this device's clock says {datetime.now(UTC):%Y-}" in message
        assert "set it if that is wrong" in message
        assert gateway.asked == []
    with Gateway(tmp_path / "another") as another:
        gateway.url = another.url  # whose authority is not the one that is pinned
        message = said(gateway, 0, Corrupt)
    assert "another; this is not the server that was joined" in message
    assert "clock" not in message
