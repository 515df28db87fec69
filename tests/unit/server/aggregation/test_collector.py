"""The server's role: what it takes in each phase, what it throws back unchanged, and when it ends a round."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.secagg import Contribution
from server.aggregation import Collected, SecAggServer
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import (
    Advert,
    Agreements,
    Inbox,
    MaskedVector,
    Ring,
    Roster,
    ShareKind,
    ShareMessage,
    UnmaskShares,
    agree_statement,
    encode_bitmap,
    mask_statement,
)
from tests.support.private_round import NOW, REGISTRY, PrivateRound, configuration, membership, parties, party

PHASES = ("advertise", "share", "mask", "agree")
OTHER_REGISTRY = Ed25519PrivateKey.from_private_bytes(b"\xbb" * 32)


def at(*phases, members=5, **changed):
    """A round after these phases."""
    one = PrivateRound(configuration(**changed), parties(members))
    for phase in ("advertise", *phases):
        getattr(one, phase)()
    return one


def advert_of(member, asked):
    return member.role.advertise(asked, Contribution(member.vector))[0]


def opened(asked=None):
    return SecAggServer(asked or configuration(), REGISTRY, NOW)


def calls(one):
    """Every call a collector knows, with what a member sends in it, by the phase it belongs to."""
    device, collector = one.parties[0].device, one.collector
    return {
        "advertise": [
            lambda: collector.advert(one.sent["advert"][0]),
            collector.close_advertising,
        ],
        "share": [
            lambda: collector.envelopes(device, one.sent["envelopes"].get(0, b"")),
            collector.close_sharing,
        ],
        "mask": [
            lambda: collector.inbox(device),
            lambda: collector.vector(device, one.sent["vector"].get(0, b"")),
            collector.close_masking,
        ],
        "agree": [
            lambda: collector.agreement(device, one.sent["agreement"].get(0, b"")),
            collector.close_agreeing,
        ],
        "unmask": [
            lambda: collector.shares(device, one.sent["shares"].get(0, b"")),
            collector.result,
        ],
    }


# Out of phase


@pytest.mark.parametrize("done", range(1, 6))
def test_whatever_comes_out_of_its_phase_is_refused_and_changes_nothing(done):
    one = PrivateRound(configuration(), parties(5))
    for phase in PHASES[:done]:
        getattr(one, phase)()
    if done == 5:
        one.unmask()
    now = [*PHASES, "unmask", "done"][done]
    for phase, asked in calls(one).items():
        for call in asked:
            if phase != now:
                with pytest.raises(Refused, match=f"expected phase {now}, got {phase}"):
                    call()
    for phase in PHASES[done:]:
        getattr(one, phase)()
    if done < 5:
        assert one.unmask().units.tolist() == one.expected(range(5))


def test_before_anybody_joined_every_later_phase_is_refused():
    one = PrivateRound(configuration(), parties(5))
    for phase, asked in calls(one).items():
        if phase != "advertise":
            for call in asked:
                with pytest.raises(Refused, match=f"expected phase advertise, got {phase}"):
                    call()


def test_after_a_phase_too_few_came_through_nothing_is_taken_and_nothing_is_left():
    one = PrivateRound(configuration(), parties(5))
    one.advertise()
    one.share()
    with pytest.raises(NotYet, match="expected at least 4 members to come through, got 3"):
        one.mask(drop={0, 1})
    for phase, asked in calls(one).items():
        for call in asked:
            with pytest.raises(Refused, match=f"expected phase done, got {phase}"):
                call()
    assert one.collector._accumulator.size == 0
    assert one.collector._inboxes == {}


# Phase 0


def test_an_advert_is_taken_once_and_gives_the_devices_id():
    asked, member = configuration(), parties(1)[0]
    collector, content = opened(asked), advert_of(member, asked)
    assert collector.advert(content) == member.device
    for again in (content, advert_of(member, asked)):  # the same, or another of the same device
        with pytest.raises(Corrupt, match="a device and keys not yet in this round"):
            collector.advert(again)
    assert repr(collector) == "SecAggServer(advertise, 1 members)"


def test_a_device_told_another_model_is_not_taken_in():
    member, other = parties(1)[0], configuration(model_hash=hashlib.sha256(b"other model").digest())
    with pytest.raises(Corrupt, match=f"device {member.device.hex()}: expected its signature for this round"):
        opened().advert(advert_of(member, other))


def test_an_advert_of_an_earlier_round_is_not_taken_in():
    member = parties(1)[0]
    with pytest.raises(Corrupt, match="expected its signature for this round"):
        opened().advert(advert_of(member, configuration(round_number=41)))


def test_a_device_without_a_valid_certificate_of_the_registry_is_not_taken_in():
    asked = configuration()
    for member, reason in (
        (membership(b"\x01" * 32, OTHER_REGISTRY), "expected the registry's signature"),
        (replace(membership(b"\x01" * 32), certificate=membership(b"\x02" * 32).certificate), "the registry's sig"),
        (membership(b"\x01" * 32, expiry=int(NOW)), "expired at second 1000000"),
    ):
        stranger = party(member, b"stranger", np.zeros(8, np.float32))
        collector = opened(asked)
        with pytest.raises(Corrupt, match=reason):
            collector.advert(advert_of(stranger, asked))
        assert repr(collector) == "SecAggServer(advertise, 0 members)"


def signed_advert(member, asked, encryption_key, mask_key):
    identity, certificate = member.member.identity, member.member.certificate
    return Advert.signed(identity, certificate, asked.digest(), encryption_key, mask_key, bytes(32)).encode()


def test_keys_that_another_member_has_are_not_taken():
    """Two members with one key would have masks and envelopes in common."""
    asked = configuration()
    one, other = parties(2)
    collector, content = opened(asked), advert_of(one, asked)
    collector.advert(content)
    taken, own = Advert.decode(content), Advert.decode(advert_of(other, asked))
    for keys in (
        (taken.encryption_key, own.mask_key),
        (own.encryption_key, taken.mask_key),
        (taken.mask_key, own.mask_key),
        (own.encryption_key, own.encryption_key),
    ):
        with pytest.raises(Corrupt, match="keys not yet in this round"):
            collector.advert(signed_advert(other, asked, *keys))
    collector.advert(own.encode())


def test_a_key_of_low_order_is_not_taken_so_that_one_member_cannot_end_everybodys_round():
    asked = configuration()
    member = parties(1)[0]
    own = Advert.decode(advert_of(member, asked))
    one = (1).to_bytes(32, "little")
    eighth = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")  # of order 8, RFC 7748
    for low in (bytes(32), one, eighth):
        for keys in ((low, own.mask_key), (own.encryption_key, low)):
            collector = opened(asked)
            with pytest.raises(Corrupt, match="full order"):
                collector.advert(signed_advert(member, asked, *keys))
            collector.advert(own.encode())


def test_a_round_takes_no_more_members_than_configured():
    asked = configuration(maximum_cohort=4)
    collector = opened(asked)
    for number, member in enumerate(parties(6)):
        if number < 4:
            collector.advert(advert_of(member, asked))
        else:
            with pytest.raises(Refused, match="this round has its 4 members"):
                collector.advert(advert_of(member, asked))
    assert len(Roster.decode(collector.close_advertising())) == 4


def test_the_roster_lists_every_advert_once_by_ascending_id_whatever_order_they_came_in():
    asked, members = configuration(), parties(5)
    contents = [advert_of(member, asked) for member in members]
    rosters = set()
    for order in ((0, 1, 2, 3, 4), (4, 2, 0, 3, 1)):
        collector = opened(asked)
        for place in order:
            collector.advert(contents[place])
        rosters.add(collector.close_advertising())
    assert rosters == {b"".join(contents)}


def test_with_fewer_than_the_minimum_the_round_ends_before_it_began():
    collector = opened(configuration(minimum_cohort=4))
    for member in parties(3):
        collector.advert(advert_of(member, configuration(minimum_cohort=4)))
    with pytest.raises(NotYet, match="expected at least 4 members, got 3; wait for more devices"):
        collector.close_advertising()
    with pytest.raises(Refused):
        collector.close_advertising()


def test_a_cohort_that_no_safe_sum_can_be_had_of_is_a_matter_of_configuration():
    asked = configuration(corrupt_ppm=600_000)
    collector = opened(asked)
    for member in parties(5):
        collector.advert(advert_of(member, asked))
    with pytest.raises(Misconfigured, match="honest survivors"):
        collector.close_advertising()


# Phase 1


def test_envelopes_are_routed_to_whom_they_are_for():
    one = at("share", members=6)
    for receiver in range(6):
        entries = Inbox.decode(one.collector.inbox(one.parties[receiver].device)).envelopes
        assert [sender for sender, _ in entries] == [place for place in range(6) if place != receiver]
        for sender, envelope in entries:
            assert dict(ShareMessage.decode(one.sent["envelopes"][sender]).envelopes)[receiver] == envelope


def test_an_inbox_holds_envelopes_of_members_of_u1_only():
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    one.share(drop={3})
    assert one.u1 == encode_bitmap({0, 1, 2, 4, 5}, 6)
    entries = Inbox.decode(one.collector.inbox(one.parties[0].device)).envelopes
    assert [sender for sender, _ in entries] == [1, 2, 4, 5]
    for stranger in (one.parties[3].device, bytes(16)):
        with pytest.raises(Corrupt, match="expected a member of this phase"):
            one.collector.inbox(stranger)


def test_envelopes_for_others_than_all_neighbours_are_thrown_back():
    one = at()
    member = one.parties[0]
    content, member.state = member.role.share(member.state, one.roster)
    entries = ShareMessage.decode(content).envelopes
    collector = one.collector
    for wrong in ((), entries[:-1], entries[1:], ((0, bytes(80)), *entries), (*entries, (5, bytes(80)))):
        with pytest.raises(Corrupt, match="envelopes of member 0: expected one for each of its neighbours"):
            collector.envelopes(member.device, ShareMessage(wrong).encode())
    with pytest.raises(Corrupt, match="expected a member of this phase"):
        collector.envelopes(bytes(16), content)
    with pytest.raises(Corrupt, match="neighbours and no others"):
        collector.envelopes(one.parties[1].device, content)
    collector.envelopes(member.device, content)
    with pytest.raises(Corrupt, match="member 0: expected one message in this phase, got a second"):
        collector.envelopes(member.device, content)


def fake_envelopes(neighbours):
    """The server cannot tell: it reads none of them."""
    return ShareMessage(tuple((neighbour, bytes(80)) for neighbour in neighbours)).encode()


def test_a_run_of_members_that_sent_no_envelopes_ends_the_round():
    """Of 300 members with 96 neighbours each, at most 18 of any 48 in a row may be missing."""
    members = parties(300)
    asked = configuration(dropout_ppm=100_000)
    adverts = {member.device: advert_of(member, asked) for member in members}
    for missing, holds in ((19, False), (18, True)):
        collector = opened(asked)
        for content in adverts.values():
            collector.advert(content)
        roster = Roster.decode(collector.close_advertising())
        ring = Ring(roster.session(asked.digest()), 300, 96)
        silent = {ring.places[(290 + step) % 300] for step in range(missing)}
        for place in set(range(300)) - silent:
            collector.envelopes(roster.devices[place], fake_envelopes(ring.neighbours(place)))
        if holds:
            assert collector.close_sharing() == encode_bitmap(set(range(300)) - silent, 300)
        else:
            with pytest.raises(NotYet, match="more than 18 members missing side by side"):
                collector.close_sharing()


# Phase 2


def test_a_vector_is_added_once_from_each_member_of_u1():
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    one.share(drop={5})
    collector, member = one.collector, one.parties[0]
    content, _ = member.role.mask(member.state, one.u1, collector.inbox(member.device), member.charge)
    for device, reason in (
        (bytes(16), "expected a member of this phase"),
        (one.parties[5].device, "expected a member of this phase"),  # it has no place in u1
        (one.parties[1].device, "masked vector of member 1: expected its signature for this u1"),
    ):
        with pytest.raises(Corrupt, match=reason):
            collector.vector(device, content)
    collector.vector(member.device, content)
    assert collector._accumulator.tolist() == MaskedVector.decode(content, 8).words.tolist()
    with pytest.raises(Corrupt, match="expected one message in this phase, got a second"):
        collector.vector(member.device, content)
    assert collector._accumulator.tolist() == MaskedVector.decode(content, 8).words.tolist()


def test_a_vector_masked_for_another_u1_or_of_another_length_is_thrown_back():
    one = at("share", members=6)
    member, collector = one.parties[0], one.collector
    content, _ = member.role.mask(member.state, one.u1, collector.inbox(member.device), member.charge)
    words, session = content[:-64], member.state.session
    for wrong in (
        words + member.member.identity.sign(mask_statement(session, encode_bitmap(set(range(5)), 6))),
        words + member.member.identity.sign(mask_statement(bytes(32), one.u1)),
        words + bytes(64),
        content[4:],
        bytes(4) + content,
        content[:-1],
        b"",
    ):
        with pytest.raises(Corrupt, match="masked vector"):
            collector.vector(member.device, wrong)
    assert not collector._accumulator.any()
    collector.vector(member.device, content)


# Phase 3


def test_the_signatures_sent_round_are_those_of_u2_in_order():
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    one.share()
    one.mask(drop={2})
    assert one.u2 == encode_bitmap({0, 1, 3, 4, 5}, 6)
    assert one.collector._inboxes == {}  # the envelopes have been delivered
    expected = [MaskedVector.decode(one.sent["vector"][place], 8).signature for place in (0, 1, 3, 4, 5)]
    assert one.signatures == b"".join(expected)


def test_agreements_count_once_for_each_member_of_u2_on_this_pair_of_sets():
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    one.share()
    one.mask(drop={5})
    collector, session = one.collector, one.parties[0].state.session

    def of(place, statement):
        return one.parties[place].member.identity.sign(statement)

    right = agree_statement(session, one.u1, one.u2)
    for place, signature, reason in (
        (5, of(5, right), "expected a member of this phase"),
        (0, of(1, right), "agreement of member 0: expected its signature"),
        (0, of(0, agree_statement(session, one.u1, one.u1)), "agreement of member 0: expected its signature"),
        (0, of(0, agree_statement(session, one.u2, one.u2)), "agreement of member 0: expected its signature"),
        (0, of(0, mask_statement(session, one.u1)), "agreement of member 0: expected its signature"),
        (0, of(0, right)[:-1], "agreement of member 0: expected its signature"),
        (0, b"", "agreement of member 0: expected its signature"),
    ):
        with pytest.raises(Corrupt, match=reason):
            collector.agreement(one.parties[place].device, signature)
    collector.agreement(one.parties[0].device, of(0, right))
    with pytest.raises(Corrupt, match="got a second"):
        collector.agreement(one.parties[0].device, of(0, right))


def test_exactly_a_quorum_is_sent_round():
    one = at("share", "mask", "agree", members=9)
    entries = Agreements.decode(one.agreements).signatures
    assert [place for place, _ in entries] == [0, 1, 2, 3, 4]  # (9 + 0) // 2 + 1
    assert all(one.sent["agreement"][place] == signature for place, signature in entries)


def test_without_a_quorum_the_sum_stays_masked():
    one = at("share", "mask", members=6)
    with pytest.raises(NotYet, match="expected 4 members to agree, got 3; the sum stays masked"):
        one.agree(drop={0, 1, 2})
    assert one.collector._accumulator.size == 0


# Phase 4


def test_shares_are_taken_one_of_the_right_kind_for_each_live_neighbour():
    one = PrivateRound(configuration(dropout_ppm=340_000), parties(9))
    one.advertise()
    one.share(drop={8})
    one.mask(drop={7})
    one.agree()
    member, collector = one.parties[0], one.collector
    content = member.role.unmask(member.state, one.agreements)
    shares = UnmaskShares.decode(content).shares
    assert [share.member for share in shares] == [1, 2, 3, 4, 5, 6, 7]
    other_kind = {ShareKind.SELF: ShareKind.MASK_SEED, ShareKind.MASK_SEED: ShareKind.SELF}
    wrong = [
        (),
        shares[:-1],
        shares[1:],
        *((*shares[:at], replace(shares[at], kind=other_kind[shares[at].kind]), *shares[at + 1 :]) for at in (0, 6)),
        (replace(shares[0], member=0), *shares[1:]),
        (*shares, replace(shares[0], member=8)),
    ]
    for entries in wrong:
        with pytest.raises(Corrupt, match="shares of member 0: expected one of the right kind"):
            collector.shares(member.device, UnmaskShares(entries).encode())
    both = content + (6).to_bytes(2, "little") + bytes(33)
    with pytest.raises(Corrupt, match="each once"):
        collector.shares(member.device, both)
    for stranger in (one.parties[7].device, one.parties[8].device, bytes(16)):
        with pytest.raises(Corrupt, match="expected a member of this phase"):
            collector.shares(stranger, content)
    collector.shares(member.device, content)
    with pytest.raises(Corrupt, match="got a second"):
        collector.shares(member.device, content)


def test_the_result_says_who_is_in_it_and_prints_no_sum():
    one = at("share", "mask", "agree")
    collected = one.unmask()
    assert repr(collected) == "Collected(5 members)"
    assert collected == Collected(collected.units, frozenset(range(5)), configuration().for_cohort(5), ())
    assert repr(one.collector) == "SecAggServer(done, 5 members)"
    assert one.collector._accumulator.size == 0
    assert one.collector._revealed == {}
