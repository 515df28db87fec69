"""The list of revoked devices: the registry's own, growing, and asked for again at each roster."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.membership import Membership
from client.participation import leave_federation, tell_server
from client.releases import update_revocations
from shared.enrolment import Revocations, parse_authorization, sign_revocations
from shared.errors import Corrupt, NotYet
from tests.support.gateways import Reply

ONE, TWO = b"\x01" * 16, b"\x02" * 16


@pytest.fixture
def membership(home):
    return Membership.load(home.membership)


@pytest.fixture
def update(home, membership, gateway, operator):
    """Serve a list and fetch it."""

    def run(sequence, devices, key=None):
        signed = sign_revocations(key or operator.registry, sequence, devices)
        gateway.answers["/v1/revocations"] = lambda _: Reply(signed.encode())
        with membership.gateway(home.keys.identity()) as link:
            return update_revocations(home, membership, link)

    return run


def test_a_device_knows_who_was_revoked_from_the_next_roster_on(home, membership, update):
    member = membership.member(home.keys.identity(), home.revocations)
    assert member.revoked() == frozenset()
    assert update(0, []) is False
    assert update(1, [ONE]) is True
    assert member.revoked() == {ONE}
    assert update(1, [ONE]) is False
    assert update(2, [ONE, TWO]) is True
    assert member.revoked() == {ONE, TWO}


@pytest.mark.parametrize(
    ("sequence", "devices", "words"),
    [
        (1, [ONE], "a later one that only adds"),
        (3, [ONE], "a later one that only adds"),
        (2, [ONE, TWO, b"\x03" * 16], "got a second one"),
    ],
    ids=["an older list", "a device taken off", "a second list of the same number"],
)
def test_a_list_that_goes_back_is_refused_and_the_one_before_goes_on_to_count(
    home, membership, update, sequence, devices, words
):
    update(2, [ONE, TWO])
    with pytest.raises(Corrupt, match=words):
        update(sequence, devices)
    assert membership.member(home.keys.identity(), home.revocations).revoked() == {ONE, TWO}


def test_a_server_whose_list_is_older_is_given_the_newer_one_back(home, membership, update, gateway, operator):
    update(2, [ONE, TWO])
    given = []

    def take_back(asked):
        given.append(Revocations.decode(asked.body))
        return Reply(sign_revocations(operator.registry, 3, [*given[0].devices, b"\x03" * 16]).encode())

    gateway.answers["/v1/held/revocations"] = take_back
    assert update(1, [b"\x03" * 16]) is True
    assert [(one.sequence, one.devices) for one in given] == [(2, {ONE, TWO})]
    assert membership.member(home.keys.identity(), home.revocations).revoked() == {ONE, TWO, b"\x03" * 16}


def test_what_is_answered_to_a_list_that_is_given_back_has_to_hold_as_well(home, membership, update, gateway, operator):
    update(2, [ONE, TWO])
    for answer in (
        sign_revocations(operator.registry, 2, [ONE]),
        sign_revocations(Ed25519PrivateKey.generate(), 3, [ONE, TWO]),
    ):
        gateway.answers["/v1/held/revocations"] = lambda _, answer=answer: Reply(answer.encode())
        with pytest.raises(Corrupt):
            update(1, [ONE])
    assert membership.member(home.keys.identity(), home.revocations).revoked() == {ONE, TWO}


def test_a_list_that_the_registry_did_not_sign_is_refused(home, update):
    with pytest.raises(Corrupt, match="expected the registry's signature"):
        update(1, [ONE], Ed25519PrivateKey.generate())
    assert not home.revocations.exists()


def test_a_list_that_was_changed_on_disk_lets_no_roster_through_until_a_good_one_takes_its_place(
    home, membership, update
):
    update(1, [ONE])
    home.revocations.write_bytes(home.revocations.read_bytes().replace(b"01" * 16, b"02" * 16))
    with pytest.raises(Corrupt, match="expected the registry's signature"):
        membership.member(home.keys.identity(), home.revocations).revoked()
    update(1, [ONE])
    assert membership.member(home.keys.identity(), home.revocations).revoked() == {ONE}


def test_a_device_that_leaves_tells_its_server_and_takes_a_refusal_for_an_answer(home, gateway):
    answers = iter([Reply(b"{}"), Reply(b"", status=403), Reply(b"", status=503)])
    gateway.answers["/v1/leave"] = lambda asked: next(answers)
    left = leave_federation(home)
    assert leave_federation(home) == left == Membership.load(home.left)
    tell_server(home, left)
    tell_server(home, left)  # it does not know this device any more
    with pytest.raises(NotYet, match="cannot answer this now"):
        tell_server(home, left)
    (asked, *_) = gateway.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    parse_authorization(headers["authorization"]).verify(
        home.keys.identity().public_key, "POST", "/v1/leave", parse_authorization(headers["authorization"]).seconds
    )
