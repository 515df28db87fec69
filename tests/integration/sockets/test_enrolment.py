"""Joining a server that may be anybody: whom a device trusts, what its person is told, and what is kept of it."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.enrolment import enroll, prepare
from client.file_record import device_record
from client.home import create_home
from client.membership import Membership
from client.policy import Policy
from shared.enrolment import (
    Invitation,
    JoinAnswer,
    fingerprint,
    fingerprint_text,
    sign_authority,
    sign_offer,
    sign_receipt,
)
from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused
from shared.federation import read_federation, write_toml
from shared.privacy import LedgerBudget, SummedGaussian
from shared.secure_sum import issue_certificate, verify_certificate
from tests.support.gateways import CODE, FAR_SECONDS, Gateway, Operator, Reply, endless, serving

NOW = 1_800_000_000


def terms(*settings_):
    return write_toml(read_federation(settings=["round.minimum_answers=60", *settings_]))


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "device", keyring=False)


@pytest.fixture
def operator():
    return Operator(terms())


@pytest.fixture
def gateway(tmp_path, operator):
    with serving(tmp_path / "gateway", operator) as gateway:
        yield gateway


def files(home):
    return {
        path.relative_to(home.directory): path.read_bytes()
        for path in sorted(home.directory.rglob("*"))
        if path.is_file()
    }


def test_a_device_joins_and_pins_whom_it_trusts(home, operator, gateway):
    promise = prepare(home, operator.invitation(gateway), lambda: NOW)
    membership = enroll(home, promise, lambda: NOW)
    assert membership == Membership.load(home.membership)
    assert (membership.url, membership.authority, membership.server) == (gateway.url, gateway.pem, "a library")
    identity = home.keys.identity()
    assert membership.device == identity.device.hex()
    assert membership.fingerprint == fingerprint_text(Invitation.decode(operator.invitation(gateway)).operator)
    member = membership.member(identity, home.revocations)
    verify_certificate(operator.registry_key, identity.public_key, member.certificate, NOW)
    assert member.registry == operator.registry_key
    assert member.revoked() == frozenset()
    pins = home.policy().pins
    assert (pins.operator, pins.registry) == (operator.operator_key.hex(), operator.registry_key.hex())
    assert pins.model_sha256 == read_federation().backbone.model_sha256
    assert pins.tokenizer_sha256 == read_federation().backbone.tokenizer_sha256


def test_only_the_code_and_two_public_keys_leave_a_device_that_joins(home, operator, gateway):
    enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    authority, offer, request = gateway.asked
    assert (authority.path, authority.body) == ("/v1/authority", b"")
    assert json.loads(offer.body) == {"code": base64.b64encode(CODE).decode()}
    assert set(json.loads(request.body)) == {
        "code", "device_key", "node_key", "device_signature", "node_signature",
    }  # fmt: skip
    assert all("authorization" not in {name.lower() for name in asked.headers} for asked in gateway.asked)


def test_the_promise_says_what_leaves_how_often_under_which_noise_and_what_never_does(home, operator, gateway):
    lines = prepare(home, operator.invitation(gateway), lambda: NOW).lines
    text = "\n".join(lines)
    privacy = read_federation().privacy
    assert f"epsilon {privacy.user_epsilon:g} at delta {privacy.user_delta:g} over this device's whole life" in text
    for task, times in (
        ("update", privacy.most_answers("update")),
        ("statistics", privacy.most_answers("statistics")),
        ("evaluation", privacy.most_answers("evaluation")),
    ):
        often = "once in" if times == 1 else f"at most {times} times in"
        assert any(line.strip().startswith(f"{task}:") and often in line for line in lines)
    assert "at most 1 times" not in text
    assert " 0 % of all people" not in text
    assert "at most 10 % of a round's devices" in text
    assert "for 60 people or more, else not at all" in text
    assert "What never leaves: your events and texts, interests, what is shown to you and what you choose" in text
    assert f"Fingerprint of the operator's key: {fingerprint_text(fingerprint(operator.operator_key))}" in text
    assert "With two devices of yours" in text
    assert "days in a row" not in text


def test_a_budget_for_a_period_is_said_beside_that_of_a_life(home, tmp_path):
    period = ("period_days=365", "period_user_epsilon=2.0", "period_event_epsilon=1.5")
    operator = Operator(terms(*(f"privacy.{key}" for key in period)))
    with serving(tmp_path / "another", operator) as gateway:
        text = "\n".join(prepare(home, operator.invitation(gateway), lambda: NOW).lines)
    assert "epsilon 8 at delta 1e-06 over this device's whole life" in text
    assert f"at most {read_federation().privacy.most_answers('update')} times in any 365 days in a row" in text
    assert "for all that leaves in any 365 days in a row, by this device's clock:\n  epsilon 2 for everything" in text
    assert f"And epsilon 1.5 for every {read_federation().windows.events} events in a row" in text
    assert "waits until its older answers lie further back" in text


@pytest.mark.parametrize(("noise", "promised"), [("on", True), ("off", False), ("auto", False)])
def test_what_a_devices_own_noise_gives_is_promised_where_it_adds_some(home, tmp_path, noise, promised):
    operator = Operator(terms(f"privacy.local_noise={noise}", "privacy.local_epsilon=2.5"))
    with serving(tmp_path / "gateway", operator) as gateway:
        text = "\n".join(prepare(home, operator.invitation(gateway), lambda: NOW).lines)
    assert ("epsilon 2.5 from this device's own noise, should the sum be broken." in text) == promised


def test_a_task_that_the_policy_forbids_is_not_said_to_leave(tmp_path, operator, gateway):
    home = create_home(tmp_path / "other", policy={"tasks": ["update"]}, keyring=False)
    text = "\n".join(prepare(home, operator.invitation(gateway), lambda: NOW).lines)
    assert "update: how the model should change" in text
    assert "statistics:" not in text


def test_asking_alone_writes_nothing(home, operator, gateway):
    before = files(home)
    prepare(home, operator.invitation(gateway), lambda: NOW)
    assert files(home) == before


def test_a_promise_does_not_print_the_code(home, operator, gateway):
    printed = repr(prepare(home, operator.invitation(gateway), lambda: NOW))
    assert "a library" in printed
    assert CODE.hex() not in printed
    assert base64.b64encode(CODE).decode()[:8] not in printed


def test_a_device_joins_once(home, operator, gateway):
    enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    asked = len(gateway.asked)
    with pytest.raises(Misconfigured, match="stays spent"):
        prepare(home, operator.invitation(gateway), lambda: NOW)
    assert len(gateway.asked) == asked


def test_a_device_that_joins_anew_keeps_its_ledger_and_owes_the_server_what_came_after(home, operator, gateway):
    enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    record = device_record(home, lambda: NOW)
    record.charge(LedgerBudget(1e6), (SummedGaussian("update", 0.25),), 7)
    charged = home.ledger.read_bytes()
    home.membership.unlink()
    again = enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    assert again.answers_before == {"update": 1}
    assert home.ledger.read_bytes() == charged
    answers = sign_receipt(operator.operator, home.keys.identity().device, {"update": (1, 9)}, NOW)
    home.receipt.write_bytes(answers.encode())
    with pytest.raises(Refused, match="expected 2 answers of update as the server has had, got 1"):
        record.check(LedgerBudget(1e6), (SummedGaussian("update", 0.25),))


def test_an_invitation_that_has_expired_stays_so_when_the_clock_is_set_back(home, operator, gateway):
    late = replace(Invitation.decode(operator.invitation(gateway)), expires_seconds=FAR_SECONDS).encode()
    home.clock.write_bytes(b"%d\n" % FAR_SECONDS)
    with pytest.raises(Refused, match="expired"):
        prepare(home, late)
    home.clock.unlink()
    assert prepare(home, late)  # the control: by the system's clock it holds


def test_an_invitation_that_has_expired_is_not_taken_anywhere(home, operator, gateway):
    late = replace(Invitation.decode(operator.invitation(gateway)), expires_seconds=NOW).encode()
    with pytest.raises(Refused, match="expired, or its end is missing"):
        prepare(home, late, lambda: NOW)
    assert gateway.asked == []


def other_operator(gateway, operator, tmp_path):
    gateway.answers["/v1/authority"] = lambda _: Reply(
        sign_authority(Ed25519PrivateKey.generate(), gateway.pem).encode()
    )


def forged_authority(gateway, operator, tmp_path):
    signed = sign_authority(operator.operator, gateway.pem)
    other = Gateway(tmp_path / "other")
    forged = signed.model_copy(update={"authority": other.pem})
    gateway.answers["/v1/authority"] = lambda _: Reply(forged.encode())


def authority_of_another_server(gateway, operator, tmp_path):
    other = Gateway(tmp_path / "other")
    gateway.answers["/v1/authority"] = lambda _: Reply(sign_authority(operator.operator, other.pem).encode())


def authority_that_is_no_certificate(gateway, operator, tmp_path):
    gateway.answers["/v1/authority"] = lambda _: Reply(sign_authority(operator.operator, "no certificate").encode())


def offer_of_another_operator(gateway, operator, tmp_path):
    other = Operator(operator.federation)
    gateway.answers["/v1/join/offer"] = lambda _: Reply(sign_offer(other.operator, other.offer()).encode())


def offer_that_names_another_operator(gateway, operator, tmp_path):
    offer = operator.offer().model_copy(update={"operator": bytes(32)})
    gateway.answers["/v1/join/offer"] = lambda _: Reply(sign_offer(operator.operator, offer).encode())


def offer_without_end(gateway, operator, tmp_path):
    gateway.answers["/v1/join/offer"] = lambda _: Reply(endless())


def offer_that_is_said_to_be_huge(gateway, operator, tmp_path):
    gateway.answers["/v1/join/offer"] = lambda _: Reply(endless(), length=10 * 2**30)


def offer_that_cannot_be_read(gateway, operator, tmp_path):
    operator.federation = "this is = not [toml"


def certificate_of_another_registry(gateway, operator, tmp_path):
    def certify(asked):
        operator.certify(asked)
        certificate = issue_certificate(Ed25519PrivateKey.generate(), operator.joined[-1].device_key, FAR_SECONDS)
        return Reply(JoinAnswer(certificate=certificate.encode()).encode())

    gateway.answers["/v1/join"] = certify


def certificate_of_another_device(gateway, operator, tmp_path):
    certificate = issue_certificate(operator.registry, bytes(32), FAR_SECONDS)
    gateway.answers["/v1/join"] = lambda _: Reply(JoinAnswer(certificate=certificate.encode()).encode())


def certificate_that_has_expired(gateway, operator, tmp_path):
    operator.expiry_seconds = NOW


EVIL = [
    (other_operator, Corrupt, "not the server that the invitation names"),
    (forged_authority, Corrupt, "expected the operator's signature"),
    (authority_of_another_server, Corrupt, "not the server that was joined"),
    (authority_that_is_no_certificate, Corrupt, "expected a certificate in PEM"),
    (offer_of_another_operator, Corrupt, "expected the operator's signature"),
    (offer_that_names_another_operator, Corrupt, "name the operator who signed it"),
    (offer_without_end, Corrupt, "expected at most"),
    (offer_that_is_said_to_be_huge, Corrupt, "expected at most"),
    (offer_that_cannot_be_read, Corrupt, "expected a federation file in TOML"),
    (certificate_of_another_registry, Corrupt, "expected the registry's signature"),
    (certificate_of_another_device, Corrupt, "expected the registry's signature"),
    (certificate_that_has_expired, Corrupt, "expired"),
]


@pytest.mark.parametrize(("evil", "error", "words"), EVIL, ids=lambda value: getattr(value, "__name__", ""))
def test_a_server_that_is_not_what_it_claims_is_not_joined_and_leaves_no_trace(
    home, operator, gateway, tmp_path, evil, error, words
):
    before = files(home)
    evil(gateway, operator, tmp_path)
    with pytest.raises(error, match=words):
        enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    assert files(home) == before


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("privacy.user_epsilon=9.0", "largest_epsilon_in_life"),
        ("privacy.user_delta=1e-3", "largest_delta"),
        ("privacy.level=none", "largest_epsilon_in_life"),
        ("sum.mode=ideal", "secure sum"),
        ("round.minimum_answers=10", "smallest_cohort"),
        ("sum.dropout_share=0.01", "smallest_dropout_share"),
        ("sum.corrupt_share=0.01", "smallest_corrupt_share"),
    ],
)
def test_weaker_terms_than_the_policy_allows_are_not_joined(home, operator, gateway, setting, rule):
    before = files(home)
    operator.federation = terms(setting)
    with pytest.raises(Refused, match=f"policy: {rule}: allows"):
        prepare(home, operator.invitation(gateway), lambda: NOW)
    assert files(home) == before


def test_a_device_whose_pins_name_another_operator_does_not_join(tmp_path, operator, gateway):
    home = create_home(tmp_path / "pinned", policy={"pins.operator": "ab" * 32}, keyring=False)
    with pytest.raises(Refused, match=r"pins\.operator"):
        prepare(home, operator.invitation(gateway), lambda: NOW)


def test_a_code_that_the_server_does_not_take_is_told_in_one_sentence_that_says_no_more(home, operator, gateway):
    gateway.answers["/v1/join/offer"] = lambda _: Reply(b"a long story", 403)
    with pytest.raises(Refused, match="unknown, expired or used; ask for another") as refused:
        prepare(home, operator.invitation(gateway), lambda: NOW)
    assert "story" not in str(refused.value)


def test_a_server_that_does_not_answer_is_asked_again_later(home, operator, tmp_path):
    with Gateway(tmp_path / "gone") as gone:
        invitation = operator.invitation(gone)
    with pytest.raises(NotYet, match="could not be reached"):
        prepare(home, invitation, lambda: NOW)


def test_after_a_lost_answer_the_same_invitation_is_tried_again(home, operator, gateway):
    promise = prepare(home, operator.invitation(gateway), lambda: NOW)
    gateway.answers["/v1/join"] = lambda _: Reply(b"", 503)
    before = files(home)
    with pytest.raises(NotYet):
        enroll(home, promise, lambda: NOW)
    assert files(home) == before
    operator.serve(gateway)
    assert enroll(home, promise, lambda: NOW).device == home.keys.identity().device.hex()


def test_a_disk_that_fails_at_the_end_leaves_the_policy_as_it_was(home, operator, gateway, monkeypatch):
    promise = prepare(home, operator.invitation(gateway), lambda: NOW)
    before = files(home)

    def full(*_):
        raise Misconfigured("no space left")

    monkeypatch.setattr(Membership, "save", full)
    with pytest.raises(Misconfigured, match="no space"):
        enroll(home, promise, lambda: NOW)
    assert files(home) == before
    assert Policy.load(home.policy_path).pins.operator == ""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/v1/authority", "/v1/join/offer", "/v1/join"]), body=st.binary(max_size=300))
def test_garbage_at_any_step_is_one_of_our_errors_and_leaves_no_trace(home, operator, gateway, path, body):
    operator.serve(gateway)
    gateway.answers[path] = lambda _: Reply(body)
    with pytest.raises(HushrecError):
        enroll(home, prepare(home, operator.invitation(gateway), lambda: NOW), lambda: NOW)
    assert not home.membership.exists()
    assert home.policy().pins.operator == ""


def test_terms_that_are_cut_short_are_filled_from_the_shipped_default_and_still_refused(home, operator, gateway):
    operator.federation = 'name = "small"\n[round]\nminimum_answers = 3\n'
    with pytest.raises(Refused, match="smallest_cohort"):
        prepare(home, operator.invitation(gateway), lambda: NOW)
