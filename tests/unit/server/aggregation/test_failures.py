"""The failure table of FEDREC-SA/1 section 9, row by row: how the round ends, what is told, and who has paid."""

from dataclasses import replace

import numpy as np
import pytest

from client.secagg import Contribution
from client.secagg.round_state import RoundCheckpoint, RoundRequest, RoundState
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.secure_sum import MaskedVector, Roster, ShareKind, UnmaskShares, add_mask, encode_bitmap
from tests.support.private_round import NOW, PrivateRound, bent, configuration, flipped, parties


def of(members=6, tamper=lambda name, place, content: content, **changed):
    return PrivateRound(configuration(**changed), parties(members), tamper)


def all_reveals(one, place):
    """Members and kinds of the shares that one member revealed."""
    return {share.member: share.kind for share in UnmaskShares.decode(one.sent["shares"][place]).shares}


def test_no_answer_while_joining_costs_nothing():
    one = of()
    silent = one.parties[4].device
    collected = one.go(advertise={4})
    assert silent not in Roster.decode(one.roster).devices
    assert collected.units.tolist() == one.expected(range(5))
    assert one.charges() == [1] * 5


def test_a_training_that_fails_costs_nothing():
    one = of()
    broken = one.parties[4]
    broken.vector = np.full(8, np.nan, np.float32)
    collected = one.go()
    assert type(one.left[4]) is Misconfigured
    assert broken.charges == 0
    assert collected.units.tolist() == one.expected(range(5))


def test_too_few_members_end_the_round_and_nobody_pays():
    one = of(minimum_cohort=6)
    with pytest.raises(NotYet, match="expected at least 6 members, got 5"):
        one.advertise(drop={0})
    assert one.charges() == [0] * 6


def test_who_drops_before_sharing_is_in_no_mask_and_has_not_paid():
    one = of()
    collected = one.go(share={2})
    assert one.u1 == one.u2 == encode_bitmap({0, 1, 3, 4, 5}, 6)
    assert collected.units.tolist() == one.expected({0, 1, 3, 4, 5})
    assert all(2 not in all_reveals(one, place) for place in (0, 1, 3, 4, 5))
    assert one.charges() == [1, 1, 0, 1, 1, 1]


def test_too_few_that_shared_end_the_round_before_any_vector_leaves():
    one = of()
    one.advertise()
    with pytest.raises(NotYet, match="expected at least 5 members to come through, got 4"):
        one.share(drop={0, 1})
    assert one.charges() == [0] * 6
    assert "vector" not in one.sent


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("roster", lambda content: flipped(content, 3 * 280 + 100), "device .* expected"),
        ("roster", lambda content: content[:280] + content[560:], "own advert"),
        ("inbox", lambda content: flipped(content, 50), "envelope from member 0"),
        ("inbox", lambda content: content[:-82], "inbox: expected the envelopes of all 5"),
        ("u1", lambda content: flipped(content, 0, 0b100000), "inbox: expected the envelopes of all 4"),
        ("u1", lambda content: flipped(content, 0, 0b10), "u1: expected this device among the members"),
    ],
    ids=["forged advert", "own advert missing", "bad ciphertext", "envelope missing", "other u1", "not in u1"],
)
def test_a_roster_ciphertext_or_u1_that_does_not_hold_ends_the_round_for_that_client_alone(name, change, reason):
    one = of(tamper=bent(name, 1, change))
    collected = one.go()
    assert type(one.left[1]) is Corrupt
    assert one.left.keys() == {1}
    with pytest.raises(Corrupt, match=reason):
        raise one.left[1]
    assert collected.members == {0, 2, 3, 4, 5}
    assert collected.units.tolist() == one.expected({0, 2, 3, 4, 5})
    assert one.charges() == [1, 0, 1, 1, 1, 1]


def test_who_drops_before_its_vector_has_its_masks_taken_off_by_the_others_and_has_not_paid():
    one = of()
    collected = one.go(mask={2})
    assert one.u1 == encode_bitmap(set(range(6)), 6)
    assert collected.units.tolist() == one.expected({0, 1, 3, 4, 5})
    assert all(all_reveals(one, place)[2] is ShareKind.MASK_SEED for place in (0, 1, 3, 4, 5))
    assert one.charges() == [1, 1, 0, 1, 1, 1]


def test_a_vector_after_the_cut_is_not_in_the_sum_and_is_paid_for():
    one = of()
    one.advertise()
    one.share()
    late = one.parties[2]
    content, _ = late.role.mask(late.state, one.u1, one.collector.inbox(late.device), late.charge)
    one.mask(drop={2})
    with pytest.raises(Refused, match="expected phase agree, got mask"):
        one.collector.vector(late.device, content)
    one.agree()
    assert one.unmask().units.tolist() == one.expected({0, 1, 3, 4, 5})
    assert one.charges() == [1] * 6


def test_a_vector_after_the_cut_stays_under_its_own_mask():
    """The others reveal the seed of its pair masks, and of its own mask nothing."""
    one = PrivateRound(configuration(400), parties(6, 400))
    one.advertise()
    one.share()
    late = one.parties[2]
    shared = late.state
    content, _ = late.role.mask(shared, one.u1, one.collector.inbox(late.device), late.charge)
    one.mask(drop={2})
    one.agree()
    one.unmask()
    assert {all_reveals(one, place)[2] for place in (0, 1, 3, 4, 5)} == {ShareKind.MASK_SEED}
    words = MaskedVector.decode(content, 400).words.copy()
    for number, neighbour in enumerate((0, 1, 3, 4, 5)):
        key = shared.pair_keys[32 * number : 32 * number + 32]
        add_mask(words, key, -1 if neighbour > 2 else 1)
    # uniform words have a mean of 1/2 with a standard deviation of 0.289 / sqrt(400)
    assert abs((words / 2**32).mean() - 0.5) < 5 * 0.289 / 20
    assert np.abs(words.astype(np.int32)).max() > 2**30
    add_mask(words, shared.own_key, -1)
    assert words.astype(np.int32).tolist() == one.expected({2})


def test_a_server_that_goes_on_with_too_few_vectors_gets_no_signature():
    one = of()
    one.advertise()
    one.share()
    with pytest.raises(NotYet, match="expected at least 5 members to come through, got 4"):
        one.mask(drop={0, 1})
    few = encode_bitmap({2, 3, 4, 5}, 6)
    signatures = b"".join(one.sent["vector"][place][-64:] for place in (2, 3, 4, 5))
    for place in (2, 3, 4, 5):
        member = one.parties[place]
        with pytest.raises(Corrupt, match="u2: expected at least 5 members, got 4"):
            member.role.agree(member.state, few, signatures)
    assert one.charges() == [0, 0, 1, 1, 1, 1]


def test_a_missing_mask_signature_costs_the_agreement_of_who_was_shown_it():
    one = of(tamper=lambda name, place, content: flipped(content) if name == "signatures" and place < 3 else content)
    one.advertise()
    one.share()
    one.mask()
    with pytest.raises(NotYet, match="expected 4 members to agree, got 3"):
        one.agree()
    assert one.left.keys() == {0, 1, 2}
    assert one.charges() == [1] * 6


def test_who_drops_after_its_vector_is_in_the_sum():
    for drops in ({"agree": {2}}, {"unmask": {2}}, {"agree": {2}, "unmask": {4}}):
        one = of(7)
        collected = one.go(**drops)
        assert collected.members == set(range(7))
        assert collected.units.tolist() == one.expected(range(7))
        assert one.charges() == [1] * 7


def test_without_a_quorum_nothing_is_unmasked_and_all_have_paid():
    one = of()
    with pytest.raises(NotYet, match="expected 4 members to agree, got 3"):
        one.go(agree={0, 1, 2})
    assert "shares" not in one.sent
    assert one.charges() == [1] * 6


def test_without_a_threshold_of_shares_the_sum_is_lost_and_all_have_paid():
    one = of()
    with pytest.raises(NotYet, match="cannot be rebuilt"):
        one.go(unmask={0, 1, 2, 3})
    assert one.charges() == [1] * 6


def test_wrong_shares_are_decoded_reported_and_paid_for():
    def lie(content):
        shares = UnmaskShares.decode(content).shares
        return UnmaskShares(tuple(replace(share, share=share.share ^ 1) for share in shares)).encode()

    one = of(9, bent("shares", 0, lie))
    collected = one.go()
    assert collected.units.tolist() == one.expected(range(9))
    assert [(culprit.member, culprit.wrong_shares) for culprit in collected.culprits] == [(0, 8)]
    assert one.charges() == [1] * 9


def test_a_server_that_tells_members_different_things_gets_no_sum():
    """On u1: half of them are told that member 5 sent nothing. On u2: half are told that it is not in the sum."""
    thinner = encode_bitmap(set(range(5)), 6)

    def on_u1(name, place, content):
        if place in (0, 1, 2) and name == "u1":
            return thinner
        return content[:-82] if place in (0, 1, 2) and name == "inbox" else content

    one = of(tamper=on_u1)
    one.advertise()
    one.share()
    with pytest.raises(NotYet, match="expected at least 5 members to come through, got 3"):
        one.mask()
    assert one.rejected.keys() == {0, 1, 2}  # they signed the u1 they were told
    assert one.charges() == [1] * 6

    def on_u2(name, place, content):
        if place in (0, 1, 2) and name == "u2":
            return thinner
        return content[: 5 * 64] if place in (0, 1, 2) and name == "signatures" else content

    one = of(tamper=on_u2)
    one.advertise()
    one.share()
    one.mask()
    with pytest.raises(NotYet, match="expected 4 members to agree, got 3"):
        one.agree()
    assert one.rejected.keys() == {0, 1, 2}
    assert "shares" not in one.sent


def test_a_device_that_restarts_is_a_dropout():
    one = of()
    one.advertise()
    one.share()
    kept = {}
    RoundState(kept).put(RoundCheckpoint(RoundRequest("update", "f", "r", 42), 0.0, NOW + 120.0, one.parties[2].state))
    kept.clear()  # the process that held it has ended
    with pytest.raises(Refused, match="this device is in no private sum"):
        RoundState(kept).take("mask", one.configuration.digest(), NOW)
    one.mask(drop={2})
    one.agree()
    assert one.unmask().units.tolist() == one.expected({0, 1, 3, 4, 5})
    assert one.charges() == [1, 1, 0, 1, 1, 1]


def test_a_server_that_restarts_has_lost_the_round():
    one = of()
    one.advertise()
    one.share()
    one.mask()
    restarted = PrivateRound(one.configuration, one.parties)
    for place, member in enumerate(one.parties):
        with pytest.raises(Refused, match="expected phase advertise, got agree"):
            restarted.collector.agreement(member.device, one.sent["vector"][place][-64:])
    assert one.charges() == [1] * 6


def test_a_server_that_aborts_again_and_again_burns_the_budget_until_devices_stop():
    members, budget = parties(5), 3

    def charge(member):
        if member.charges == budget:
            raise Refused("this device's budget is spent", code="budget-spent")
        member.charges += 1

    for number in range(5):
        one = PrivateRound(configuration(round_number=number), members)
        one.advertise()
        one.share()
        for member in one.parties:
            asked = member.state, one.u1, one.collector.inbox(member.device), lambda member=member: charge(member)
            if number < budget:
                _, member.state = member.role.mask(*asked)
            else:
                with pytest.raises(Refused, match="budget is spent"):
                    member.role.mask(*asked)
    assert [member.charges for member in members] == [budget] * 5


def test_a_round_that_was_aborted_leaves_nothing_that_hinders_the_next():
    members = parties(6)
    first = PrivateRound(configuration(round_number=1), members)
    with pytest.raises(NotYet):
        first.go(agree={0, 1, 2, 3})
    second = PrivateRound(configuration(round_number=2), members)
    collected = second.go()
    true = sum(one.vector / max(1.0, np.linalg.norm(one.vector)) for one in members) * collected.parameters.scale
    assert np.abs(collected.units - true).max() < 6  # each of six is rounded by less than one unit
    assert [one.charges for one in members] == [2] * 6


def test_an_old_advert_or_state_is_worth_nothing_in_the_next_round():
    members = parties(5)
    first, second = (PrivateRound(configuration(round_number=number), members) for number in (1, 2))
    first.advertise()
    states = [member.state for member in members]
    second.advertise()
    for place, member in enumerate(members):
        with pytest.raises(Corrupt, match="own advert, byte for byte"):
            member.role.share(states[place], second.roster)
    third = PrivateRound(configuration(round_number=3), members)
    with pytest.raises(Corrupt, match="expected its signature for this round"):
        third.collector.advert(first.sent["advert"][0])
    joined = [one.role.advertise(third.configuration, Contribution(one.vector))[0] for one in members]
    assert len({*joined, *first.sent["advert"].values(), *second.sent["advert"].values()}) == 15
