"""Taking the masks off: wrong shares are found and named as long as there are few; otherwise nothing is unmasked."""

from dataclasses import replace

import numpy as np
import pytest

from server.aggregation import Culprit
from server.aggregation.unmasking import unmask
from shared.errors import NotYet, Refused
from shared.secure_sum import PRIME, Roster, UnmaskShares, add_mask, self_key
from tests.support.private_round import PrivateRound, configuration, parties


def wrong_shares(liars, about=None, by=1):
    """Members that reveal other shares than they got, about everybody or about some."""

    def tamper(name, place, content):
        if name != "shares" or place not in liars:
            return content
        shares = (
            replace(share, share=(share.share + by) % PRIME) if about is None or share.member in about else share
            for share in UnmaskShares.decode(content).shares
        )
        return UnmaskShares(tuple(shares)).encode()

    return tamper


def test_three_of_nineteen_wrong_shares_are_corrected_and_their_owners_named():
    """Of n = 20 every secret is shared out to 19, any 10 of which rebuild it: (19 - 10) // 2 = 4 may be wrong."""
    one = PrivateRound(configuration(), parties(20), wrong_shares({2, 5, 7}))
    collected = one.go()
    assert collected.parameters.threshold == 10
    assert collected.units.tolist() == one.expected(range(20))
    # each of them is wrong about all others' secrets; the ten shares first looked at are theirs among them
    assert collected.culprits == (Culprit(2, 19), Culprit(5, 19), Culprit(7, 19))


def test_wrong_shares_that_were_not_needed_do_no_harm():
    one = PrivateRound(configuration(), parties(20), wrong_shares({16, 17, 18, 19}))
    collected = one.go()
    assert collected.units.tolist() == one.expected(range(20))
    assert collected.culprits == ()


def test_wrong_shares_of_the_seed_of_a_member_that_dropped_out_are_corrected_too():
    one = PrivateRound(configuration(), parties(20), wrong_shares({0, 1, 4}, about={9}, by=12345))
    collected = one.go(mask={9})
    assert collected.members == set(range(20)) - {9}
    assert collected.units.tolist() == one.expected(collected.members)
    assert collected.culprits == (Culprit(0, 1), Culprit(1, 1), Culprit(4, 1))


def test_four_wrong_shares_are_corrected_and_five_are_too_many():
    liars = {0, 1, 2, 3}
    assert PrivateRound(configuration(), parties(20), wrong_shares(liars, about={10})).go().culprits == tuple(
        Culprit(liar, 1) for liar in sorted(liars)
    )
    one = PrivateRound(configuration(), parties(20), wrong_shares(liars | {4}, about={10}))
    with pytest.raises(NotYet, match=r"a seed of member 10 cannot be rebuilt .*at most 4 wrong ones among 19"):
        one.go()
    assert one.collector._accumulator.size == 0


def test_fewer_than_a_threshold_of_shares_unmask_nothing():
    """Of n = 7 each secret has six holders, four of whom rebuild it."""
    one = PrivateRound(configuration(), parties(7))
    with pytest.raises(NotYet, match=r"a seed of member 0 cannot be rebuilt \(shares: expected at least 4, got 3"):
        one.go(unmask={4, 5, 6})  # the secrets of members 4 to 6 have four holders left, those of the others three
    assert one.collector._accumulator.size == 0
    with pytest.raises(Refused):
        one.collector.result()
    enough = PrivateRound(configuration(), parties(7))
    assert enough.go(unmask={5, 6}).units.tolist() == enough.expected(range(7))


def test_a_member_that_committed_to_another_seed_than_it_shared_out_ends_the_sum():
    """It can do so by sharing out anything; nobody is unmasked and nothing is told."""
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    liar = one.parties[2]
    liar.state = replace(liar.state, self_seed=(7).to_bytes(32, "little"))
    one.share()
    one.mask()
    one.agree()
    with pytest.raises(NotYet, match="a seed of member 2 cannot be rebuilt"):
        one.unmask()


def test_a_member_that_used_another_mask_spoils_the_sum_by_that_mask_and_no_more():
    """A malicious vector: undetected, and no other member's vector is any the worse hidden (FEDREC-SA/1 section 9)."""
    poison = np.arange(8, dtype=np.uint32) * 1000

    def tamper(name, place, content):
        if (name, place) != ("vector", 3):
            return content
        return (np.frombuffer(content[:32], "<u4") + poison).astype("<u4").tobytes() + content[32:]

    one = PrivateRound(configuration(), parties(6), tamper)
    assert one.go().units.tolist() == (np.array(one.expected(range(6))) + poison).tolist()


def test_own_masks_come_off_in_whatever_order_the_shares_came():
    """With nothing but everybody's own masks in a sum, nothing is left of it."""
    one = PrivateRound(configuration(), parties(5))
    one.advertise()
    seeds = [int.from_bytes(member.state.self_seed, "little") for member in one.parties]
    for phase in ("share", "mask", "agree"):
        getattr(one, phase)()
    session, ch = one.parties[0].state.session, one.configuration.digest()
    neighbours = [tuple(other for other in range(5) if other != place) for place in range(5)]
    revealed = [UnmaskShares.decode(member.role.unmask(member.state, one.agreements)) for member in one.parties]
    for order in ((0, 1, 2, 3, 4), (4, 2, 0, 3, 1)):
        accumulator = np.zeros(8, np.uint32)
        for member, seed in zip(one.parties, seeds, strict=True):
            add_mask(accumulator, self_key(seed, session, member.device), 1)
        assert accumulator.any()
        shares, everybody = {place: revealed[place] for place in order}, frozenset(range(5))
        roster = Roster.decode(one.roster)
        assert unmask(accumulator, roster, session, ch, 3, neighbours, everybody, frozenset(), shares) == ()
        assert not accumulator.any()
