"""What a roster refuses, and what an advert's checks notice; codecs are in test_messages.py."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import Corrupt
from shared.secure_sum import Certificate, Identity, Roster, issue_certificate

OTHER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x77" * 32))


def test_every_advert_of_the_vectors_verifies(vector_round):
    for advert in vector_round.roster.adverts:
        advert.verify(vector_round.configuration.digest(), vector_round.registry_public_key, 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"device": bytes(16)}, "the id that follows from its key"),
        ({"device_public_key": OTHER.public_key}, "the id that follows from its key"),
        ({"device": OTHER.device, "device_public_key": OTHER.public_key}, "the registry's signature"),
        ({"certificate": Certificate(2**40, bytes(64))}, "the registry's signature"),
        ({"encryption_key": bytes(32)}, "its signature for this round"),
        ({"mask_key": bytes(32)}, "its signature for this round"),
        ({"commitment": bytes(32)}, "its signature for this round"),
        ({"signature": bytes(64)}, "its signature for this round"),
    ],
)
def test_any_altered_part_of_an_advert_is_noticed(vector_round, change, why):
    advert = replace(vector_round.roster.adverts[0], **change)
    with pytest.raises(Corrupt, match=why):
        advert.verify(vector_round.configuration.digest(), vector_round.registry_public_key, 0)


def test_an_advert_holds_for_one_configuration_registry_and_time(vector_round):
    advert, ch = vector_round.roster.adverts[0], vector_round.configuration.digest()
    with pytest.raises(Corrupt, match="its signature for this round"):
        advert.verify(
            replace(vector_round.configuration, round_number=43).digest(), vector_round.registry_public_key, 0
        )
    with pytest.raises(Corrupt, match="expired"):
        advert.verify(ch, vector_round.registry_public_key, 2**40)
    own = issue_certificate(Ed25519PrivateKey.generate(), advert.device_public_key, 2**40)
    with pytest.raises(Corrupt, match="the registry's signature"):
        replace(advert, certificate=own).verify(ch, vector_round.registry_public_key, 0)


def test_members_stand_in_ascending_order_each_once(vector_round):
    first, second, *_ = vector_round.roster.adverts
    for adverts in ((second, first), (first, first)):
        with pytest.raises(Corrupt, match="ascending order, each once"):
            Roster(adverts)
        with pytest.raises(Corrupt, match="ascending order, each once"):
            Roster.decode(b"".join(advert.encode() for advert in adverts))


@pytest.mark.parametrize(
    "change",
    [
        lambda first: {"encryption_key": first.encryption_key},
        lambda first: {"mask_key": first.mask_key},
        lambda first: {"mask_key": first.encryption_key},
    ],
)
def test_no_key_stands_twice(vector_round, change):
    first, second, *_ = vector_round.roster.adverts
    with pytest.raises(Corrupt, match="expected 4 different keys, got 3"):
        Roster((first, replace(second, **change(first))))


def test_a_roster_of_nobody_or_too_many_is_corrupt(vector_round):
    with pytest.raises(Corrupt, match="from 1 to 4096 adverts, got 0"):
        Roster.decode(b"")
    with pytest.raises(Corrupt, match="got 4097"):
        Roster(vector_round.roster.adverts[:1] * 4097)


@pytest.mark.parametrize(
    "part", ["device", "device_public_key", "encryption_key", "mask_key", "commitment", "signature"]
)
def test_a_part_of_another_length_is_corrupt(vector_round, part):
    with pytest.raises(Corrupt, match=f"bytes of {part}, got 5"):
        replace(vector_round.roster.adverts[0], **{part: bytes(5)})


def test_the_session_depends_on_every_advert_and_on_the_configuration(vector_round):
    roster, ch = vector_round.roster, vector_round.configuration.digest()
    sessions = {roster.session(ch), roster.session(bytes(32)), Roster(roster.adverts[:4]).session(ch)}
    altered = (*roster.adverts[:4], replace(roster.adverts[4], commitment=bytes(32)))
    assert len(sessions | {Roster(altered).session(ch)}) == 4


def test_a_roster_knows_its_devices_by_place(vector_round):
    assert len(vector_round.roster) == 5
    assert repr(vector_round.roster) == "Roster(5 adverts)"
    assert vector_round.roster.devices == tuple(member.identity.device for member in vector_round.members)
