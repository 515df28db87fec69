"""Joining through the gateway: an invitation and both keys give a certificate and a node, less gives nothing."""

import json
import logging
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.gateway import make_gateway
from server.home import Home, Limits, ServerSettings, create_server
from shared.enrolment import (
    JoinAnswer,
    OfferRequest,
    Receipt,
    Revocations,
    SignedAuthority,
    SignedOffer,
    fingerprint,
)
from shared.errors import Corrupt
from shared.secure_sum import Certificate, verify_certificate
from tests.support.asking_gateway import Answer, FakeControl, Person, ask, said
from tests.support.house import House


def offered(house: House, code: bytes) -> Answer:
    return ask(house.app, "POST", "/v1/join/offer", body=OfferRequest(code=code).encode())


def join(house: House, person: Person, code: bytes) -> Answer:
    return ask(house.app, "POST", "/v1/join", body=person.request(code).encode())


def registry_key(house: House) -> bytes:
    return house.home.registry_key().public_key().public_bytes_raw()


def test_the_authority_is_vouched_for_by_the_operator(house: House) -> None:
    signed = SignedAuthority.decode(ask(house.app, "GET", "/v1/authority").body)
    signed.verify(fingerprint(house.home.operator_key().public_key().public_bytes_raw()))
    assert signed.authority == house.home.authority_path.read_text()


def test_an_invitation_opens_the_offer_and_then_the_door(house: House) -> None:
    person, code = Person(), house.code()
    offer = SignedOffer.decode(offered(house, code).body).verify(
        house.home.operator_key().public_key().public_bytes_raw()
    )
    assert (offer.server, offer.registry) == ("House", registry_key(house))
    assert offer.federation == house.home.federation_path.read_text()

    answer = join(house, person, code)
    certificate = Certificate.decode(JoinAnswer.decode(answer.body).certificate)
    verify_certificate(registry_key(house), person.identity.public_key, certificate, int(time.time()))
    days = (certificate.expiry_seconds - time.time()) / 86_400
    assert abs(days - house.home.settings.certificate_days) < 0.01
    assert house.control.registered == [person.request(code).node_key]
    row = house.registry.device(person.device)
    assert row is not None
    assert row.node_id == 10**18 + 1


def test_a_lost_answer_can_be_asked_for_again(house: House) -> None:
    person, code = Person(), house.code()
    first, again = join(house, person, code), join(house, person, code)
    assert (first.status, first.body) == (again.status, again.body)
    assert len(house.control.registered) == 1
    assert offered(house, code).status == 200


def test_every_other_code_gets_the_same_answer(house: House) -> None:
    used = house.code()
    join(house, Person(), used)
    codes = {"unknown": bytes(16), "expired": house.code(hours=-1), "used": used}
    person = Person()
    answers = {name: join(house, person, code) for name, code in codes.items()}
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(codes, 403)
    assert all(answer.told == answers["unknown"].told for answer in answers.values())
    assert said(answers["unknown"])
    for name in ("unknown", "expired"):
        assert offered(house, codes[name]).told == answers["unknown"].told
    assert house.registry.device(person.device) is None
    assert len(house.control.registered) == 1


def test_while_flower_is_away_joining_waits_and_the_same_request_works_later(house: House) -> None:
    person, code = Person(), house.code()
    house.control.away = True
    answer = join(house, person, code)
    assert answer.status == 503
    assert said(answer)
    house.control.away = False
    assert join(house, person, code).status == 200
    assert len(house.control.registered) == 1


def test_a_request_that_proves_nothing_uses_no_invitation_up(house: House) -> None:
    person, thief, code = Person(), Person(), house.code()
    stolen = person.request(code).model_copy(update={"device_key": thief.identity.public_key})
    forged = person.request(code).model_copy(update={"node_signature": thief.request(code).node_signature})
    for content in (stolen.encode(), forged.encode(), b"", b"{}", b"[]", b"\xff", b'{"code":1}', b"0" * 8192):
        for path in ("/v1/join", "/v1/join/offer"):
            answer = ask(house.app, "POST", path, body=content)
            assert answer.status == 400
            assert said(answer)
    assert ask(house.app, "POST", "/v1/join", body=b"0" * 8193).status == 413
    assert not house.control.registered
    assert join(house, person, code).status == 200


def test_attempts_to_join_are_counted_from_everywhere_together(tmp_path) -> None:
    settings = ServerSettings(limits=Limits(joins_per_minute=3))
    app = make_gateway(create_server(tmp_path / "server", settings), control=FakeControl())
    body = OfferRequest(code=bytes(16)).encode()
    statuses = [
        ask(app, "POST", "/v1/join/offer", body=body, address=f"192.0.2.{number}").status for number in range(4)
    ]
    assert statuses == [403, 403, 403, 429]
    assert ask(app, "GET", "/health").status == 200


def test_a_member_renews_and_a_stranger_does_not(house: House, member: Person) -> None:
    answer = ask(house.app, "POST", "/v1/renew", [member.signed("POST", "/v1/renew")])
    certificate = Certificate.decode(JoinAnswer.decode(answer.body).certificate)
    verify_certificate(registry_key(house), member.identity.public_key, certificate, int(time.time()))
    stranger = ask(house.app, "POST", "/v1/renew", [Person().signed("POST", "/v1/renew")])
    assert stranger.status == 403
    house.registry.revoke(member.device, time.time())
    assert ask(house.app, "POST", "/v1/renew", [member.signed("POST", "/v1/renew")]) == stranger


def test_a_member_leaves_at_its_own_wish_and_a_stranger_makes_nobody_leave(house: House, member: Person) -> None:
    other = house.joined()
    assert ask(house.app, "POST", "/v1/leave", [Person().signed("POST", "/v1/leave")]).status == 403
    assert ask(house.app, "POST", "/v1/leave", [member.signed("POST", "/v1/renew")]).status == 403
    assert ask(house.app, "POST", "/v1/leave").status in (401, 403)
    assert house.registry.revocations()[1] == frozenset()
    assert ask(house.app, "POST", "/v1/leave", [member.signed("POST", "/v1/leave")]).status == 200
    assert ask(house.app, "POST", "/v1/leave", [member.signed("POST", "/v1/leave")]).status == 403
    listed = Revocations.decode(ask(house.app, "GET", "/v1/revocations", [other.signed("GET", "/v1/revocations")]).body)
    listed.verify(registry_key(house))
    assert listed.devices == {member.identity.device}


def test_whoever_joins_is_offered_the_terms_that_count_and_no_draft(house: House, tmp_path, monkeypatch) -> None:
    key = house.home.operator_key().public_key().public_bytes_raw()

    def terms() -> str:
        return SignedOffer.decode(offered(house, house.code()).body).verify(key).federation

    before = terms()
    published = tmp_path / "published.toml"
    published.write_text(before.replace("minimum_answers = 50", "minimum_answers = 60"))
    monkeypatch.setattr("server.gateway.joining.terms_path", lambda home: published)
    assert terms() == published.read_text() != before
    house.home.federation_path.write_text("")  # half an edit
    assert terms() == published.read_text()


def test_a_member_has_the_operators_word_on_its_answers_and_a_stranger_has_not(house: House, member: Person) -> None:
    def fetched() -> Receipt:
        answer = ask(house.app, "GET", "/v1/receipt", [member.signed("GET", "/v1/receipt")])
        receipt = Receipt.decode(answer.body)
        receipt.verify(house.home.operator_key().public_key().public_bytes_raw(), member.identity.device)
        return receipt

    assert fetched().answers == {}
    house.registry.count_answers("update", 4, [member.device])
    house.registry.count_answers("statistics", 0, [member.device, house.joined().device])
    assert fetched().answers == {"update": (1, 4), "statistics": (1, 0)}
    assert fetched().total == 2
    assert ask(house.app, "GET", "/v1/receipt", [Person().signed("GET", "/v1/receipt")]).status == 403
    assert ask(house.app, "GET", "/v1/receipt").status == 403


def test_revocations_are_signed_and_grow(house: House, member: Person) -> None:
    def fetched() -> Revocations:
        answer = ask(house.app, "GET", "/v1/revocations", [member.signed("GET", "/v1/revocations")])
        revocations = Revocations.decode(answer.body)
        revocations.verify(registry_key(house))
        return revocations

    assert (fetched().sequence, fetched().devices) == (0, frozenset())
    gone = house.joined()
    house.registry.revoke(gone.device, time.time())
    assert (fetched().sequence, fetched().devices) == (1, frozenset({gone.identity.device}))
    with pytest.raises(Corrupt):
        fetched().verify(bytes(32))


def secrets_of(home: Home) -> list[bytes]:
    """The private keys in every spelling that could slip out."""
    found = [home.superexec_secret_path.read_bytes()]
    for key in (home.operator_key(), home.registry_key()):
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        found += [raw, raw.hex().encode(), pem.split(b"\n")[1]]
    found.append(home.server_key_path.read_bytes().split(b"\n")[1])
    return found


def test_no_private_key_and_no_code_is_in_any_answer_or_log(
    house: House, member: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = house.code()
    answers = [offered(house, code), join(house, Person(), code), join(house, Person(), code)]
    for method, path in (
        ("GET", "/health"), ("GET", "/v1/authority"), ("GET", "/v1/revocations"), ("POST", "/v1/renew"),
        ("GET", "/v1/releases/chain"), ("GET", "/keys/registry.key"), ("GET", "/v1/releases/../keys/registry.key"),
    ):  # fmt: skip
        answers.append(ask(house.app, method, path, [member.signed(method, path)]))
    said_and_logged = b"".join(answer.body + json.dumps(str(answer.headers)).encode() for answer in answers)
    said_and_logged += caplog.text.encode()
    assert b"joined" in said_and_logged
    for secret in [*secrets_of(house.home), code, code.hex().encode()]:
        assert secret not in said_and_logged
