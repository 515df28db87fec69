"""The list of revoked devices: the registry's own, growing, and asked for again at each roster."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.membership import Membership
from client.releases import update_revocations
from shared.enrolment import sign_revocations
from shared.errors import Corrupt
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
