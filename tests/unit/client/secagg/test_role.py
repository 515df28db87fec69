"""A device against a server that may send anything: what it answers, what it refuses, and what it never does twice."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.budget_guard import BudgetGuard
from client.secagg import Contribution, Joined, Masked, SecAggClient
from client.secagg.round_state import RoundCheckpoint, RoundRequest, RoundState
from shared.errors import Corrupt, Misconfigured, Refused
from shared.secure_sum import (
    PRIME,
    Advert,
    Agreements,
    Inbox,
    MaskedVector,
    Ring,
    Roster,
    ShareKind,
    UnmaskShares,
    agree_statement,
    commitment,
    encode_bitmap,
    mask_secret,
    mask_statement,
    open_envelope,
    public_key,
    recover,
    seal,
    verify_signature,
)
from tests.support.private_round import (
    NOW,
    PrivateRound,
    configuration,
    flipped,
    membership,
    parties,
    party,
    rng,
)

OTHER_REGISTRY = Ed25519PrivateKey.from_private_bytes(b"\xbb" * 32)


def at(*phases, members=5, **changed):
    """A round of five after these phases."""
    one = PrivateRound(configuration(**changed), parties(members))
    for phase in ("advertise", *phases):
        getattr(one, phase)()
    return one


def never():
    pytest.fail("nothing may be charged here")


def masking(one, place=0, u1=None, inbox=None, charge=never):
    """A member's answer to the mask message of its round, or to another."""
    member = one.parties[place]
    sent = one.collector.inbox(member.device) if inbox is None else inbox
    return member.role.mask(member.state, one.u1 if u1 is None else u1, sent, charge)


def agreeing(one, place=0, u2=None, signatures=None):
    member = one.parties[place]
    sent = one.signatures if signatures is None else signatures
    return member.role.agree(member.state, one.u2 if u2 is None else u2, sent)


def signed(one, members, statement):
    """The signatures of members on a statement, as they would give them."""
    return {place: one.parties[place].member.identity.sign(statement) for place in members}


# Phase 0


def test_an_advert_names_the_device_and_binds_its_secrets_to_the_round():
    one = at()
    member, advert = one.parties[0], Advert.decode(one.sent["advert"][0])
    ch = one.configuration.digest()
    advert.verify(ch, member.member.registry, int(NOW))
    assert advert.device == member.device
    assert advert.encryption_key == public_key(member.state.encryption_secret)
    assert advert.mask_key == public_key(mask_secret(int.from_bytes(member.state.mask_seed, "little")))
    assert advert.commitment == commitment(ch, member.device, int.from_bytes(member.state.self_seed, "little"))


def test_each_round_has_secrets_of_its_own():
    member = parties(1)[0]
    adverts, states = zip(
        *(member.role.advertise(configuration(), Contribution(member.vector)) for _ in range(2)), strict=True
    )
    assert adverts[0] != adverts[1]
    for name in ("encryption_secret", "mask_seed", "self_seed"):
        assert getattr(states[0], name) != getattr(states[1], name)


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(7, np.float32),
        np.zeros(9, np.float32),
        np.zeros(8, np.float64),
        np.zeros((8, 1), np.float32),
        np.full(8, np.nan, np.float32),
        np.full(8, -np.inf, np.float32),
    ],
)
def test_a_contribution_that_no_sum_can_take_ends_the_round_before_anything_is_sent_or_charged(vector):
    with pytest.raises(Misconfigured, match="expected"):
        parties(1)[0].role.advertise(configuration(8), Contribution(vector))


# Phase 1


def test_every_neighbour_and_nobody_else_can_open_its_shares_and_any_threshold_of_them_rebuild_the_seeds():
    one = at()
    before = [member.state for member in one.parties]
    one.share()
    own, seeds = {}, {}
    for receiver in (1, 2, 3, 4):
        state = one.parties[receiver].state
        entry = dict(Inbox.decode(one.sent["envelopes"][0]).envelopes)[receiver]
        key = state.opening_keys[:32]  # of member 0, the first neighbour of all others
        shares = open_envelope(key, 0, receiver, state.session, entry)
        own[receiver + 1] = int.from_bytes(shares[:32], "little")
        seeds[receiver + 1] = int.from_bytes(shares[32:], "little")
        for stranger in {1, 2, 3, 4} - {receiver}:
            with pytest.raises(Corrupt, match="sealed for member"):
                open_envelope(one.parties[stranger].state.opening_keys[:32], 0, receiver, state.session, entry)
    for left_out in own:
        chosen = [point for point in own if point != left_out]
        for shares, secret in ((own, before[0].self_seed), (seeds, before[0].mask_seed)):
            assert recover({point: shares[point] for point in chosen}, 3) == int.from_bytes(secret, "little")


def test_a_member_with_another_model_is_not_in_anybodys_roster():
    """The model's hash is in the configuration, which every signature is on."""
    one, other = PrivateRound(configuration(), parties(5)), configuration(model_hash=hashlib.sha256(b"evil").digest())
    one.advertise()
    member = one.parties[1]
    foreign, state = member.role.advertise(other, Contribution(member.vector))
    adverts = list(Roster.decode(one.roster).adverts)
    adverts[1] = Advert.decode(foreign)
    mixed = Roster(tuple(adverts)).encode()
    for place in (0, 2, 3, 4):
        with pytest.raises(Corrupt, match=f"device {member.device.hex()}: expected its signature for this round"):
            one.parties[place].role.share(one.parties[place].state, mixed)
    # and who was told another model takes part in no round of the others
    with pytest.raises(Corrupt, match=f"device {one.parties[0].device.hex()}: expected its signature"):
        member.role.share(state, mixed)


@pytest.mark.parametrize(
    "changed", [{"round_number": 41}, {"dimension": 9}, {"rho_units": 2**38}, {"clip_norm": 2.0}, {"noise": 1}], ids=str
)
def test_a_roster_made_for_another_configuration_is_no_roster(changed):
    one = at()
    other = PrivateRound(configuration(**changed), parties(5, changed.get("dimension", 8)))
    other.advertise()
    with pytest.raises(Corrupt):
        one.parties[0].role.share(one.parties[0].state, other.roster)
    adverts = [Roster.decode(one.roster).adverts[0], *Roster.decode(other.roster).adverts[1:]]
    with pytest.raises(Corrupt, match="expected its signature for this round"):
        one.parties[0].role.share(one.parties[0].state, Roster(tuple(adverts)).encode())


@pytest.mark.parametrize("name", ["encryption_key", "mask_key", "commitment"])
def test_a_neighbours_key_that_the_server_swaps_is_noticed(name):
    """The server would read the shares, or take off the masks, of whoever accepted a key of its own."""
    one = at()
    adverts = list(Roster.decode(one.roster).adverts)
    adverts[3] = replace(adverts[3], **{name: public_key(b"\x07" * 32)})
    with pytest.raises(Corrupt, match=f"device {adverts[3].device.hex()}: expected its signature for this round"):
        one.parties[0].role.share(one.parties[0].state, Roster(tuple(adverts)).encode())


def with_member(one, member):
    """The roster of a round with another member in the place of the third, in order."""
    advert, _ = member.role.advertise(one.configuration, Contribution(member.vector))
    adverts = list(Roster.decode(one.roster).adverts)
    adverts[2] = Advert.decode(advert)
    return Roster(tuple(sorted(adverts, key=lambda advert: advert.device))).encode()


def test_a_device_that_no_registry_knows_is_noticed():
    one = at()
    stranger = party(membership(b"\x01" * 32, OTHER_REGISTRY), b"stranger", np.zeros(8, np.float32))
    with pytest.raises(Corrupt, match=f"device {stranger.device.hex()}: expected the registry's signature"):
        one.parties[0].role.share(one.parties[0].state, with_member(one, stranger))


def test_a_certificate_holds_until_the_second_it_expires():
    one = at()
    for expiry, holds in ((int(NOW) + 1, True), (int(NOW), False)):
        late = party(membership(b"\x01" * 32, expiry=expiry), b"late", np.zeros(8, np.float32))
        roster = with_member(one, late)
        if holds:
            _, shared = one.parties[0].role.share(one.parties[0].state, roster)
            assert late.member.identity.public_key in shared.signers
        else:
            with pytest.raises(Corrupt, match=f"device {late.device.hex()}: expired at second {expiry}"):
                one.parties[0].role.share(one.parties[0].state, roster)


def test_a_certificate_of_another_device_does_not_help():
    one = at()
    lent = membership(b"\x02" * 32).certificate
    thief = party(replace(membership(b"\x01" * 32), certificate=lent), b"thief", np.zeros(8, np.float32))
    with pytest.raises(Corrupt, match=f"device {thief.device.hex()}: expected the registry's signature"):
        one.parties[0].role.share(one.parties[0].state, with_member(one, thief))


def test_a_roster_with_a_revoked_device_is_refused_from_the_moment_it_is_known():
    one, revoked = at(), set()
    member, other = one.parties[0], one.parties[3]
    aware = party(replace(member.member, revoked=lambda: frozenset(revoked)), member.seed, member.vector)
    assert aware.role.share(member.state, one.roster)
    revoked.add(other.device)
    with pytest.raises(Corrupt, match=f"whose certificates count, got {other.device.hex()}, revoked"):
        aware.role.share(member.state, one.roster)


def test_a_roster_without_the_devices_own_advert_is_refused():
    one = at()
    member = one.parties[1]
    adverts = Roster.decode(one.roster).adverts
    without = Roster(tuple(advert for advert in adverts if advert.device != member.device)).encode()
    again, _ = member.role.advertise(one.configuration, Contribution(member.vector))
    older = Roster(tuple(Advert.decode(again) if a.device == member.device else a for a in adverts)).encode()
    for roster in (without, older):
        with pytest.raises(Corrupt, match="own advert, byte for byte"):
            member.role.share(member.state, roster)


def test_a_roster_smaller_or_larger_than_configured_is_refused():
    one = at(minimum_cohort=4, maximum_cohort=5)
    adverts = Roster.decode(one.roster).adverts
    for place in range(5):
        state, few = one.parties[place].state, Roster(adverts[:3] if place < 3 else adverts[2:])
        with pytest.raises(Corrupt, match="from 4 to 5 members, got 3"):
            one.parties[place].role.share(state, few.encode())
    six = PrivateRound(configuration(minimum_cohort=4, maximum_cohort=6), parties(6))
    six.advertise()
    member = one.parties[0]
    with pytest.raises(Corrupt, match="from 4 to 5 members, got 6"):
        member.role.share(member.state, six.roster)


def test_members_that_were_shown_different_rosters_cannot_read_each_others_shares():
    """The session is a hash of the whole roster, so that two views of it make two sessions."""
    one = at(members=6)
    all_six, without_the_last = one.roster, one.roster[: 5 * 280]
    states, envelopes = {}, {}
    for place in range(6):
        view = without_the_last if place < 3 else all_six
        content, states[place] = one.parties[place].role.share(one.parties[place].state, view)
        envelopes[place] = dict(Inbox.decode(content).envelopes)
    assert states[0].session == states[2].session != states[3].session == states[5].session
    for reader, senders, culprit in ((0, (1, 2, 3, 4), 3), (3, (0, 1, 2, 4, 5), 0)):
        inbox = Inbox(tuple((sender, envelopes[sender][reader]) for sender in senders)).encode()
        u1 = encode_bitmap({reader, *senders}, len(senders) + 1)
        with pytest.raises(Corrupt, match=f"envelope from member {culprit}: expected one sealed for member {reader}"):
            one.parties[reader].role.mask(states[reader], u1, inbox, never)
    # and those who share a view are too few among themselves
    inbox = Inbox(tuple((sender, envelopes[sender][0]) for sender in (1, 2))).encode()
    with pytest.raises(Corrupt, match="u1: expected at least 4 members, got 3"):
        one.parties[0].role.mask(states[0], encode_bitmap({0, 1, 2}, 5), inbox, never)


def low_order(one, name):
    """A roster in which member 3 signed a key that any secret agrees on zero with, as only it can."""
    advert = Roster.decode(one.roster).adverts[3]
    member = one.parties[3].member
    keys = {"encryption_key": advert.encryption_key, "mask_key": advert.mask_key} | {name: bytes(32)}
    forged = Advert.signed(
        member.identity, member.certificate, one.configuration.digest(), **keys, commitment=advert.commitment
    )
    return one.roster[: 3 * 280] + forged.encode() + one.roster[4 * 280 :]


@pytest.mark.parametrize("name", ["encryption_key", "mask_key"])
def test_a_key_that_everybody_agrees_on_the_same_secret_with_is_refused_and_its_owner_named(name):
    one = at()
    with pytest.raises(Corrupt, match="member 3: key agreement"):
        one.parties[0].role.share(one.parties[0].state, low_order(one, name))


def test_a_cohort_without_a_safe_sum_is_refused():
    one = at()
    # the noise of one device would have to hide everything: two honest survivors are not certain
    crowded = PrivateRound(configuration(corrupt_ppm=600_000), parties(5))
    for member in crowded.parties:
        member.state = member.role.advertise(crowded.configuration, Contribution(member.vector))[1]
    roster = b"".join(member.state.advert for member in crowded.parties)
    with pytest.raises(Misconfigured, match="1 honest survivors are certain"):
        crowded.parties[0].role.share(crowded.parties[0].state, roster)
    assert type(one.parties[0].state) is Joined


# Phase 2


def test_a_masked_vector_is_signed_for_the_set_it_is_masked_for():
    one = at("share", "mask")
    for place, member in enumerate(one.parties):
        signature = MaskedVector.decode(one.sent["vector"][place], 8).signature
        statement = mask_statement(member.state.session, one.u1)
        assert verify_signature(member.member.identity.public_key, signature, statement)


def test_a_device_pays_once_and_after_everything_else_held():
    one, order = at("share"), []

    def draw(count):
        order.append(f"draw {count}")
        return bytes(range(32))

    member = one.parties[0]
    role = SecAggClient(member.member, draw, lambda: NOW)
    role.mask(member.state, one.u1, one.collector.inbox(member.device), lambda: order.append("charge"))
    assert order == ["charge", "draw 32"]  # the ledger is written before the first rounding is drawn


def test_a_device_whose_ledger_refuses_sends_nothing():
    one = at("share")

    def broke():
        raise Refused("the budget is spent", code="budget-spent")

    with pytest.raises(Refused, match="the budget is spent"):
        masking(one, charge=broke)


def test_a_tampered_share_is_noticed_and_its_bearer_named():
    one = at("share")
    inbox = one.collector.inbox(one.parties[0].device)
    for place in (2, 40, 81, 3 * 82 + 10):
        with pytest.raises(Corrupt, match=f"envelope from member {1 + place // 82}"):
            masking(one, inbox=flipped(inbox, place))


def test_envelopes_that_change_places_do_not_open():
    one = at("share")
    entries = dict(Inbox.decode(one.collector.inbox(one.parties[0].device)).envelopes)
    entries[1], entries[2] = entries[2], entries[1]
    with pytest.raises(Corrupt, match="envelope from member 1"):
        masking(one, inbox=Inbox(tuple(entries.items())).encode())
    # another member's inbox has other senders; from the same sender, it is sealed for another
    with pytest.raises(Corrupt, match="live neighbours"):
        masking(one, inbox=one.collector.inbox(one.parties[1].device))
    theirs = dict(Inbox.decode(one.collector.inbox(one.parties[1].device)).envelopes)
    mine = dict(Inbox.decode(one.collector.inbox(one.parties[0].device)).envelopes)
    with pytest.raises(Corrupt, match="envelope from member 3: expected one sealed for member 0"):
        masking(one, inbox=Inbox(tuple((mine | {3: theirs[3]}).items())).encode())


def test_a_share_outside_the_field_is_refused_before_the_charge():
    """Otherwise one member could make all its neighbours pay, and then fail to unmask anything."""
    one = at("share")
    state = one.parties[0].state
    entries = dict(Inbox.decode(one.collector.inbox(one.parties[0].device)).envelopes)
    for number, wrong in enumerate((PRIME, 2**256 - 1)):
        content = [bytes(32), bytes(32)]
        content[number] = wrong.to_bytes(32, "little")
        entries[2] = seal(state.opening_keys[32:64], 2, 0, state.session, b"".join(content))
        with pytest.raises(Corrupt, match="envelope from member 2: expected two shares below"):
            masking(one, inbox=Inbox(tuple(entries.items())).encode())


def test_a_u1_that_contradicts_the_shares_is_refused():
    one = at("share", members=6)
    inbox = one.collector.inbox(one.parties[0].device)
    entries = Inbox.decode(inbox).envelopes
    everybody = set(range(6))
    for members, envelopes in (
        (everybody - {3}, entries),  # its shares came, but it is said to have sent none
        (everybody, entries[:-1]),  # it is said to have sent some, but none came
        (everybody - {5}, entries[:3] + entries[4:]),  # both
    ):
        with pytest.raises(Corrupt, match="the envelopes of all"):
            masking(one, u1=encode_bitmap(members, 6), inbox=Inbox(envelopes).encode())
    right = masking(one, u1=encode_bitmap(everybody - {5}, 6), inbox=Inbox(entries[:-1]).encode(), charge=lambda: None)
    assert right[1].u1 == b"\x1f"


@pytest.mark.parametrize(
    ("u1", "reason"),
    [
        ({1, 2, 3, 4}, "expected this device among the members"),
        ({0, 1, 2}, "at least 4 members, got 3"),
        (b"", "expected 1 bytes, got 0"),
        (b"\x1f\x00", "expected 1 bytes, got 2"),
        (b"\x3f", "a bit at 5"),
    ],
)
def test_a_u1_without_this_device_or_too_small_or_malformed_is_refused(u1, reason):
    one = at("share")
    with pytest.raises(Corrupt, match=reason):
        masking(one, u1=u1 if isinstance(u1, bytes) else encode_bitmap(u1, 5))


# Phase 3


def test_an_agreement_is_a_signature_on_both_sets():
    one = at("share", "mask", "agree")
    for place, member in enumerate(one.parties):
        statement = agree_statement(member.state.session, one.u1, one.u2)
        assert verify_signature(member.member.identity.public_key, one.sent["agreement"][place], statement)
        assert member.state.u2 == one.u2 == b"\x1f"


@pytest.mark.parametrize(
    ("u2", "reason"),
    [
        ({1, 2, 3, 4, 5}, "u2: expected this device among the members"),
        ({0, 1, 2, 3}, "u2: expected at least 5 members, got 4"),
        ({0, 1, 2, 3, 4, 6}, "u2: expected members of u1 only"),
        ({0, 1, 2, 3, 4, 5, 6}, "u2: expected members of u1 only"),
    ],
)
def test_a_u2_without_this_device_below_the_least_or_beyond_u1_is_refused(u2, reason):
    one = PrivateRound(configuration(dropout_ppm=300_000), parties(7))
    one.advertise()
    one.share(drop={6})
    one.mask()
    # all of them signed, even the one that the server never took in
    of_all = signed(one, range(7), mask_statement(one.parties[0].state.session, one.u1))
    with pytest.raises(Corrupt, match=reason):
        agreeing(one, u2=encode_bitmap(u2, 7), signatures=b"".join(of_all[place] for place in sorted(u2)))
    _, agreed = agreeing(one)
    assert agreed.u2 == encode_bitmap(set(range(6)), 7)


def test_a_member_of_u2_that_masked_for_another_u1_is_noticed():
    one = at("share", "mask", members=6)
    session = one.parties[0].state.session
    thinner = encode_bitmap({0, 2, 3, 4, 5}, 6)
    theirs = signed(one, [4], mask_statement(session, thinner))[4]
    sent = bytearray(one.signatures)
    sent[4 * 64 : 5 * 64] = theirs
    with pytest.raises(Corrupt, match="member 4 did not sign that it masked for this u1"):
        agreeing(one, signatures=bytes(sent))
    # nor do the signatures of members that change places, of another session, or on another statement
    for wrong in (
        one.signatures[64:128] + one.signatures[:64] + one.signatures[128:],
        b"".join(signed(one, range(6), mask_statement(bytes(32), one.u1)).values()),
        b"".join(signed(one, range(6), agree_statement(session, one.u1, one.u2)).values()),
    ):
        with pytest.raises(Corrupt, match="member 0 did not sign"):
            agreeing(one, signatures=wrong)


def test_a_missing_mask_signature_is_noticed():
    one = at("share", "mask")
    for sent in (one.signatures[:-64], one.signatures[:-1], one.signatures + bytes(64), b""):
        with pytest.raises(Corrupt, match="expected 5 signatures of 64 bytes"):
            agreeing(one, signatures=sent)


# Phase 4


def test_of_each_neighbour_one_share_is_revealed_of_the_kind_its_absence_asks_for():
    one = PrivateRound(configuration(dropout_ppm=340_000), parties(9))
    one.advertise()
    one.share(drop={1})
    one.mask(drop={2, 5})
    held = {}
    for place in one.present:
        state = one.parties[place].state
        senders = np.frombuffer(state.senders, "<u2").tolist()
        held[place] = {at: state.shares[64 * row : 64 * row + 64] for row, at in enumerate(senders)}
    one.agree()
    one.unmask()
    survivors = {0, 3, 4, 6, 7, 8}
    for place in survivors:
        revealed = UnmaskShares.decode(one.sent["shares"][place]).shares
        dropped, alive = {2, 5}, survivors - {place}
        assert {share.member for share in revealed if share.kind is ShareKind.MASK_SEED} == dropped
        assert {share.member for share in revealed if share.kind is ShareKind.SELF} == alive
        assert len(revealed) == len(dropped | alive)  # each once; none of member 1, whose masks nobody added
        for share in revealed:
            own, seed = held[place][share.member][:32], held[place][share.member][32:]
            shown, kept = (own, seed) if share.kind is ShareKind.SELF else (seed, own)
            assert share.share.to_bytes(32, "little") == shown
            assert kept not in one.sent["shares"][place]


def test_below_a_quorum_nothing_is_revealed():
    one = at("share", "mask", "agree", members=6)
    member = one.parties[0]
    entries = Agreements.decode(one.agreements).signatures
    assert len(entries) == 6 // 2 + 1  # n = 6 and B = 0
    with pytest.raises(Refused, match="agreement of 4 members, got 3"):
        member.role.unmask(member.state, Agreements(entries[:-1]).encode())
    with pytest.raises(Refused, match="got 0"):
        member.role.unmask(member.state, b"")
    with pytest.raises(Corrupt, match="each once"):
        member.role.unmask(member.state, one.agreements[: 3 * 66] + one.agreements[2 * 66 : 3 * 66])
    assert member.role.unmask(member.state, one.agreements)


def test_agreements_of_strangers_or_on_other_sets_do_not_count():
    one = PrivateRound(configuration(), parties(6))
    one.advertise()
    one.share()
    one.mask(drop={5})
    one.agree()
    member = one.parties[0]
    session = member.state.session
    right = dict(Agreements.decode(one.agreements).signatures)
    for place, statement in (
        (5, agree_statement(session, one.u1, one.u2)),  # not in u2
        (3, agree_statement(session, one.u1, encode_bitmap(set(range(6)), 6))),
        (3, agree_statement(session, one.u2, one.u2)),
        (3, agree_statement(bytes(32), one.u1, one.u2)),
        (3, mask_statement(session, one.u1)),
    ):
        wrong = {at: signature for at, signature in right.items() if at != 3} | signed(one, [place], statement)
        with pytest.raises(Corrupt, match=f"member {place} did not sign this pair of sets"):
            member.role.unmask(member.state, Agreements(tuple(sorted(wrong.items()))).encode())
    beyond = Agreements((*right.items(), (60_000, bytes(64)))).encode()
    with pytest.raises(Corrupt, match="member 60000"):
        member.role.unmask(member.state, beyond)


def test_a_server_that_tells_two_stories_of_u2_gets_no_quorum_for_either():
    one = at("share", "mask", members=7, dropout_ppm=300_000)
    everybody, fewer = set(range(7)), set(range(7)) - {6}
    statement = mask_statement(one.parties[0].state.session, one.u1)
    stories = {place: everybody if place in (0, 1, 6) else fewer for place in range(7)}
    agreed = {}
    for place, story in stories.items():
        signatures = b"".join(signed(one, sorted(story), statement).values())
        agreed[place] = agreeing(one, place, encode_bitmap(story, 7), signatures)
    quorum = 7 // 2 + 1
    for place, story in stories.items():
        member, state = one.parties[place].member, agreed[place][1]
        believers = {at: agreed[at][0] for at in stories if stories[at] == story}
        others = {at: agreed[at][0] for at in stories if stories[at] != story and at in story}
        if len(believers) < quorum:
            role = one.parties[place].role
            with pytest.raises(Refused, match=f"agreement of {quorum} members, got {len(believers)}"):
                role.unmask(state, Agreements(tuple(sorted(believers.items()))).encode())
            mixed = Agreements(tuple(sorted((believers | others).items()))).encode()
            with pytest.raises(Corrupt, match="did not sign this pair of sets"):
                role.unmask(state, mixed)
        assert verify_signature(
            member.identity.public_key,
            agreed[place][0],
            agree_statement(state.session, one.u1, encode_bitmap(story, 7)),
        )
    # two quorums would share a member that signs once: 4 + 4 > 7
    assert sum(len([at for at in stories if stories[at] == story]) >= quorum for story in (everybody, fewer)) == 1


# The ring of more than 256 members


@pytest.fixture(scope="module")
def ring_of_300():
    """A device among 300, with a run of neighbours in a row: 96 neighbours each, at most 18 missing of any 48."""
    one = PrivateRound(configuration(dropout_ppm=100_000), parties(300))
    one.advertise()
    member = one.parties[0]
    shared = member.role.share(member.state, one.roster)[1]
    ring = Ring(shared.session, 300, 96)
    here = ring.places.index(0)
    return one, shared, [ring.places[(here + step) % 300] for step in range(1, 300)]


def test_a_run_of_missing_members_is_refused_in_u1(ring_of_300):
    one, shared, clockwise = ring_of_300
    role = one.parties[0].role
    for run in (clockwise[:19], clockwise[150:169], clockwise[-19:], clockwise[100:147:2] + clockwise[101:103]):
        with pytest.raises(Corrupt, match="u1: expected at most 18 neighbours in a row to be missing"):
            role.mask(shared, encode_bitmap(set(range(300)) - set(run), 300), b"", never)
    for run in (clockwise[:18], clockwise[:18] + clockwise[60:72]):  # 30 missing are allowed when spread
        with pytest.raises(Corrupt, match="inbox: expected the envelopes of all"):
            role.mask(shared, encode_bitmap(set(range(300)) - set(run), 300), b"", never)


def test_a_run_of_missing_members_is_refused_in_u2(ring_of_300):
    one, shared, clockwise = ring_of_300
    role, everybody = one.parties[0].role, set(range(300))
    u1 = encode_bitmap(everybody, 300)
    masked = Masked(shared.configuration, shared.session, 0, shared.signers, b"", b"", u1)
    signatures = signed(one, range(300), mask_statement(shared.session, u1))
    for run, window in ((clockwise[40:59], False), (clockwise[40:58], True)):
        members = everybody - set(run)
        u2, sent = encode_bitmap(members, 300), b"".join(signatures[place] for place in sorted(members))
        if window:
            assert role.agree(masked, u2, sent)[1].u2 == u2
        else:
            with pytest.raises(Corrupt, match="u2: expected at most 18 neighbours in a row to be missing"):
                role.agree(masked, u2, sent)


# Once and never again


class Kept:
    """A device's session in the middle of a round, as it survives between messages."""

    def __init__(self, one, place=0):
        self.member, self.ch = one.parties[place], one.configuration.digest()
        self.values = {}
        self.session = RoundState(self.values)
        self.put(self.member.state)

    def put(self, state):
        self.session.put(RoundCheckpoint(RoundRequest("update", "f", "r", 1), 0.0, NOW + 120.0, state))

    def take(self, phase, now=NOW):
        return self.session.take(phase, self.ch, now).state


def test_a_replayed_round_is_not_answered():
    kept = {}
    BudgetGuard(kept).reserve_round("update", 42)
    for number in (42, 41, 0):
        with pytest.raises(Refused, match=f"round {number} of update: this device has answered round 42 already"):
            BudgetGuard(kept).reserve_round("update", number)  # from what was written down, as after a restart
    BudgetGuard(kept).reserve_round("update", 43)
    BudgetGuard(kept).reserve_round("evaluation", 42)  # tasks count on their own


def test_after_an_abort_the_same_phase_is_not_answered_again_and_a_new_round_is():
    one = at("share", "mask")
    kept = Kept(one)
    with pytest.raises(Corrupt, match="at least 4 members"):
        kept.member.role.agree(kept.take("agree"), encode_bitmap({0, 1, 2}, 5), one.signatures[: 3 * 64])
    assert kept.values == {}
    with pytest.raises(Refused, match="in no private sum"):
        kept.take("agree")  # now with the right sets, but too late
    again = PrivateRound(configuration(round_number=43), one.parties)
    assert again.go().members == set(range(5))


def test_a_device_signs_one_pair_of_sets_only():
    one = at("share", "mask")
    kept = Kept(one)
    _, agreed = kept.member.role.agree(kept.take("agree"), one.u2, one.signatures)
    kept.put(agreed)
    with pytest.raises(Refused, match="out of turn; this device was agreed"):
        kept.take("agree")
    assert kept.values == {}


def test_a_device_reveals_its_shares_only_once():
    one = at("share", "mask", "agree")
    kept = Kept(one)
    assert kept.member.role.unmask(kept.take("unmask"), one.agreements)
    assert kept.values == {}
    with pytest.raises(Refused, match="in no private sum"):
        kept.take("unmask")


def test_when_the_next_message_is_too_late_everything_is_wiped():
    one = at("share", "mask", "agree")
    kept = Kept(one)
    with pytest.raises(Refused, match="1 seconds too late"):
        kept.take("unmask", NOW + 121.0)
    assert kept.values == {}


def test_a_message_of_another_round_is_refused_and_ends_nothing():
    one = at("share")
    kept = Kept(one)
    before = dict(kept.values)
    with pytest.raises(Refused, match="another private sum"):
        kept.session.take("mask", bytes(32), NOW)
    assert kept.values == before


def test_an_agreed_state_reveals_nothing_for_another_pair_of_sets():
    """Even a device whose stored sets were changed does not follow: the quorum signed others."""
    one = at("share", "mask", "agree", members=6)
    member = one.parties[0]
    for changed in ({"u2": b"\x1f"}, {"u1": b"\x1f"}, {"session": bytes(32)}):
        with pytest.raises(Corrupt, match="did not sign"):
            member.role.unmask(replace(member.state, **changed), one.agreements)


def test_chance_that_is_drawn_again_gives_the_same_answers():
    """So that whatever differs between two runs of these tests is a difference of the code."""
    messages = []
    for _ in range(2):
        one = at("share", "mask", noise=1)
        messages.append({name: dict(sent) for name, sent in one.sent.items()})
    assert messages[0] == messages[1]
    assert rng(b"a")(8) != rng(b"b")(8)
