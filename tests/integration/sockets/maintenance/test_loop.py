"""What a device looks after: each thing by itself, every failure one line, and the certificate before it ends."""

import logging
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.enrolment import enroll, prepare
from client.home import create_home
from client.maintenance.loop import MaintenanceLoop
from client.membership import Membership
from client.news import NewsFile
from shared.enrolment import JoinAnswer, RejoinRequest, sign_revocations
from shared.federation import read_federation, write_toml
from shared.secure_sum import issue_certificate
from tests.support.gateways import Operator, Reply, serving

NOW, DAY = 1_800_000_000, 86_400
TERMS = write_toml(read_federation(settings=["round.minimum_answers=60"]))


class Setting:
    """A device that joined, its server, and its care at a time that the test sets."""

    def __init__(self, folder, gateway, operator):
        self.now, self.gateway, self.operator = float(NOW), gateway, operator
        self.home = create_home(folder / "device", keyring=False)
        operator.expiry_seconds = NOW + 365 * DAY
        self.membership = enroll(self.home, prepare(self.home, operator.invitation(gateway), self.clock), self.clock)
        self.identity = self.home.keys.identity()
        gateway.answers |= {
            "/v1/revocations": lambda _: Reply(sign_revocations(operator.registry, 0, []).encode()),
            "/v1/releases/chain": lambda _: Reply(b""),
            "/v1/renew": lambda _: self.certificate(operator.registry, self.now + 365 * DAY),
        }
        gateway.asked.clear()

    def clock(self):
        return self.now

    def certificate(self, registry, expiry_seconds):
        issued = issue_certificate(registry, self.identity.public_key, int(expiry_seconds))
        return Reply(JoinAnswer(certificate=issued.encode()).encode())

    def renewals(self):
        return self.gateway.paths().count("/v1/renew")


@pytest.fixture
def device(tmp_path):
    operator = Operator(TERMS)
    with serving(tmp_path / "gateway", operator) as gateway:
        yield Setting(tmp_path, gateway, operator)


@pytest.fixture
def care(device):
    with device.membership.gateway(device.identity) as link:
        yield MaintenanceLoop(device.home, device.identity, device.membership, link, device.clock)


def test_a_certificate_is_renewed_when_less_than_a_third_of_it_is_left(device, care):
    device.now += 365 * DAY * 2 / 3 - 1
    care.run_once()
    assert device.renewals() == 0
    device.now += 2
    care.run_once()
    assert device.renewals() == 1
    assert Membership.load(device.home.membership).expiry_seconds == int(device.now + 365 * DAY)
    care.run_once()
    assert device.renewals() == 1


def test_all_else_stays_as_it_was_agreed(device, care):
    device.now += 300 * DAY
    care.run_once()
    renewed = Membership.load(device.home.membership)
    assert renewed.model_copy(update={"certificate": device.membership.certificate}) == device.membership


def test_terms_that_were_accepted_meanwhile_stay_accepted(device, care):
    accepted = device.membership.terms + "# and what was accepted since\n"
    Membership.change(device.home.membership, terms=accepted)
    device.now += 300 * DAY
    care.run_once()
    assert device.renewals() == 1
    assert Membership.load(device.home.membership).terms == accepted


@pytest.mark.parametrize("evil", ["another registry", "an earlier end", "garbage"])
def test_a_certificate_that_is_none_leaves_the_one_before(device, care, evil):
    device.now += 300 * DAY
    device.gateway.answers["/v1/renew"] = {
        "another registry": lambda _: device.certificate(Ed25519PrivateKey.generate(), device.now + 365 * DAY),
        "an earlier end": lambda _: device.certificate(device.operator.registry, device.now + DAY),
        "garbage": lambda _: Reply(b"\x00"),
    }[evil]
    care.run_once()
    assert Membership.load(device.home.membership) == device.membership


def test_a_renewal_that_failed_is_not_tried_at_every_look(device, care):
    device.now += 300 * DAY
    device.gateway.answers["/v1/renew"] = lambda _: Reply(b"", 503)
    for _ in range(5):
        care.run_once()
    assert device.renewals() == 1
    device.now += DAY
    care.run_once()
    assert device.renewals() == 2


def test_one_thing_that_fails_keeps_nothing_else_from_happening(device, care):
    device.gateway.answers["/v1/revocations"] = lambda _: Reply(b"garbage")
    device.now += 300 * DAY
    care.run_once()
    assert any("chain" in path for path in device.gateway.paths())
    assert device.renewals() == 1


def test_a_failure_is_said_once_in_one_line_and_so_is_its_end(device, care, caplog):
    honest = device.gateway.answers["/v1/releases/chain"]
    device.gateway.answers["/v1/releases/chain"] = lambda _: Reply(b"\x00garbage\n")
    with caplog.at_level(logging.INFO, "client.maintenance"):
        for _ in range(3):
            care.run_once()
        device.gateway.answers["/v1/releases/chain"] = honest
        care.run_once()
    said = [record.getMessage() for record in caplog.records if record.name == "client.maintenance"]
    assert len(said) == 2
    assert said[0].startswith("release: not taken: publication: expected the canonical JSON")
    assert "\n" not in said[0]
    assert said[1] == "release: works again"


def test_a_fault_of_ours_does_not_end_the_care(device, care, monkeypatch, caplog):
    def fail():
        raise KeyError("knee pain")

    monkeypatch.setattr(care._releases, "update", fail)
    device.now += 300 * DAY
    care.run_once()
    assert device.renewals() == 1
    assert "KeyError" in caplog.text
    assert "knee" not in caplog.text


def test_a_server_that_has_lost_the_device_is_asked_to_know_it_again(device, care, caplog):
    caplog.set_level(logging.INFO)
    known = []

    def rejoined(asked):
        request = RejoinRequest.decode(asked.body)
        request.verify()
        request.verify_certified(device.operator.registry.public_key().public_bytes_raw())
        assert request.certificate.hex() == device.membership.certificate
        known.append(request.device_key)
        return device.certificate(device.operator.registry, device.now + 400 * DAY)

    def lists(asked):
        return Reply(sign_revocations(device.operator.registry, 0, []).encode()) if known else Reply(b"", 403)

    device.gateway.answers |= {"/v1/revocations": lists, "/v1/rejoin": rejoined}
    care.run_once()
    assert known == [device.identity.public_key]
    assert Membership.load(device.home.membership).expiry_seconds == int(device.now + 400 * DAY)
    care.run_once()
    assert len(known) == 1
    assert "knows it again" in caplog.text


def test_a_device_that_was_revoked_asks_once_an_hour_and_is_told_no_each_time(device, care):
    device.gateway.answers |= {path: lambda _: Reply(b"", 403) for path in ("/v1/revocations", "/v1/rejoin")}
    for passed in (0, 30, 3_000, 600):
        device.now += passed
        care.run_once()
    assert device.gateway.paths().count("/v1/rejoin") == 2
    assert Membership.load(device.home.membership) == device.membership


@pytest.mark.parametrize("status", [429, 503])
def test_a_lost_device_that_the_server_cannot_take_now_asks_again_within_minutes(device, timed, status):
    device.gateway.answers |= {
        "/v1/revocations": lambda _: Reply(b"", 403),
        "/v1/rejoin": lambda _: Reply(b"", status),
    }
    waits = []
    for asked in range(1, 13):  # also after many tries
        timed.run_once()
        assert device.gateway.paths().count("/v1/rejoin") == asked
        began = device.now
        while not (timed.due() and device.now >= timed._rejoin_due):
            timed.run_once() if timed.due() else None
            device.now += 1.0
        waits.append(device.now - began)
    assert 59 <= min(waits) < max(waits) <= 301
    assert max(waits) - min(waits) > 20  # spread


def test_a_certificate_of_another_registry_is_not_kept_from_rejoining_either(device, care):
    device.gateway.answers |= {
        "/v1/revocations": lambda _: Reply(b"", 403),
        "/v1/rejoin": lambda _: device.certificate(Ed25519PrivateKey.generate(), device.now + 400 * DAY),
    }
    care.run_once()
    assert Membership.load(device.home.membership) == device.membership


def looks(device):
    return device.gateway.paths().count("/v1/revocations")


@pytest.fixture
def timed(device):
    """A loop by a clock that the test sets, and the event that ends it after so many steps."""
    with device.membership.gateway(device.identity) as link:
        loop = MaintenanceLoop(device.home, device.identity, device.membership, link, device.clock, lambda: device.now)
        yield loop


def test_it_looks_at_once_then_seldom_and_whenever_the_server_has_told_of_something_new(device, timed):
    assert timed.due()
    timed.run_once()
    assert not timed.due()
    news = NewsFile(device.home.news)
    news.write(None)
    assert timed.due()
    timed.run_once()
    assert not timed.due()
    device.now += 0.79 * device.home.settings.poll_seconds
    assert not timed.due()
    device.now += 0.22 * device.home.settings.poll_seconds
    assert timed.due()


def test_what_failed_is_tried_again_soon_and_then_less_often(device, timed):
    device.gateway.answers["/v1/revocations"] = lambda _: Reply(b"", 503)
    waits = []
    for _ in range(9):
        timed.run_once()
        began = device.now
        while not timed.due():
            device.now += 1.0
        waits.append(device.now - began)
    assert waits[0] <= 61
    assert waits[1] <= 121
    assert waits[2] > 120
    assert max(waits) <= device.home.settings.poll_seconds + 1


def test_the_loop_runs_until_it_is_stopped(device, timed):
    class Stop(threading.Event):
        steps = 0

        def wait(self, timeout=None):
            device.now += timeout
            self.steps += 1
            if self.steps == 100:
                self.set()
            return self.is_set()

    NewsFile(device.home.news).write(None)
    timed.run(Stop())
    assert looks(device) >= 1
