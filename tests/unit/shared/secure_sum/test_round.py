"""The published round, step by step, as far as it needs no rounding and no noise."""

import numpy as np
import pytest

from shared.secure_sum import (
    MaskedVector,
    Ring,
    ShareKind,
    ShareMessage,
    UnmaskShare,
    UnmaskShares,
    add_mask,
    agree_statement,
    commitment,
    encode_bitmap,
    mask_secret,
    mask_statement,
    open_envelope,
    pair_key,
    public_key,
    recover,
    seal,
    self_key,
    share_key,
    shared_secret,
    split_secret,
    verify_signature,
)


@pytest.fixture
def vector(vectors):
    return vectors["round"]


@pytest.fixture
def session(vector_round):
    return vector_round.roster.session(vector_round.configuration.digest())


def shares_by_member(vector_round):
    """For each member: (shares of b, shares of its mask seed), by the neighbour's point."""
    shared = []
    for index, member in enumerate(vector_round.members):
        points = [other + 1 for other in range(5) if other != index]
        shared.append(
            tuple(split_secret(secret, 3, points, member.random_bytes) for secret in (member.b, member.mask_seed))
        )
    return shared


def envelope_key(vector_round, session, holder, sender, receiver):
    """The key between two members, as the one at `holder` reaches it."""
    members, other = vector_round.members, sender if holder == receiver else receiver
    shared = shared_secret(members[holder].encryption_secret, members[other].advert.encryption_key)
    return share_key(shared, session, members[sender].identity.device, members[receiver].identity.device)


def mask_key(vector_round, session, one, other):
    members = vector_round.members
    shared = shared_secret(mask_secret(members[one].mask_seed), members[other].advert.mask_key)
    return pair_key(shared, session, members[one].identity.device, members[other].identity.device)


def test_members_draw_and_advertise_what_the_vectors_say(vector, vector_round, session):
    first = vector_round.members[0]
    assert first.b.to_bytes(32, "little").hex() == vector["b_of_0"]
    assert first.mask_seed.to_bytes(32, "little").hex() == vector["mseed_of_0"]
    assert first.advert.encode().hex() == vector["advert0"]
    assert session.hex() == vector["ctx"]


def test_mask_keys_are_those_of_the_vectors_from_either_side(vector, vector_round, session):
    first = vector_round.members[0]
    assert self_key(first.b, session, first.identity.device).hex() == vector["self_key_0"]
    assert mask_key(vector_round, session, 0, 1).hex() == vector["pair_key_0_1"]
    assert mask_key(vector_round, session, 1, 0).hex() == vector["pair_key_0_1"]


def test_the_share_message_is_that_of_the_vectors_and_every_neighbour_opens_its_own(vector, vector_round, session):
    own, seeds = shares_by_member(vector_round)[0]
    envelopes = []
    for receiver in Ring(session, 5, 4).neighbours(0):
        plain = own[receiver + 1].to_bytes(32, "little") + seeds[receiver + 1].to_bytes(32, "little")
        key = envelope_key(vector_round, session, 0, 0, receiver)
        envelopes.append((receiver, seal(key, 0, receiver, session, plain)))
        opened = open_envelope(
            envelope_key(vector_round, session, receiver, 0, receiver), 0, receiver, session, envelopes[-1][1]
        )
        assert opened == plain
    assert ShareMessage(tuple(envelopes)).encode().hex() == vector["share_msg_0"]


def test_statements_are_signed_as_in_the_vectors(vector, vector_round, session):
    first = vector_round.members[0].identity
    u1, u2 = encode_bitmap({0, 1, 2, 3, 4}, 5), encode_bitmap({0, 1, 2, 3}, 5)
    assert (u1.hex(), u2.hex()) == (vector["u1"], vector["u2"])
    for statement, expected in (
        (mask_statement(session, u1), vector["mask_sig_0"]),
        (agree_statement(session, u1, u2), vector["agree_sig_0"]),
    ):
        assert first.sign(statement).hex() == expected
        assert verify_signature(first.public_key, bytes.fromhex(expected), statement)


def test_under_its_masks_the_published_vector_is_a_small_one(vector, vector_round, session):
    content = bytes.fromhex(vector["y_0"]) + bytes.fromhex(vector["mask_sig_0"])
    words = MaskedVector.decode(content, 8).words.copy()
    first = vector_round.members[0]
    add_mask(words, self_key(first.b, session, first.identity.device), -1)
    for other in range(1, 5):
        add_mask(words, mask_key(vector_round, session, 0, other), -1)
    # Rounded to 16384 units per clipping norm, and eight draws of noise with a standard deviation of 8192.
    assert np.abs(words.view(np.int32)).max() < 16384 + 5 * 8192


def test_the_revealed_shares_are_those_of_the_vectors(vector, vector_round):
    shares = shares_by_member(vector_round)
    revealed = UnmaskShares(
        tuple(
            UnmaskShare(member, kind, shares[member][kind][1])
            for member, kind in [*((alive, ShareKind.SELF) for alive in (1, 2, 3)), (4, ShareKind.MASK_SEED)]
        )
    )
    assert revealed.encode().hex() == vector["unmask_0"]
    assert UnmaskShares.decode(revealed.encode()) == revealed


def test_shares_of_any_three_neighbours_rebuild_what_was_committed_to(vector_round):
    ch = vector_round.configuration.digest()
    for member, (own, seeds) in zip(vector_round.members, shares_by_member(vector_round), strict=True):
        b = recover({point: own[point] for point in list(own)[1:]}, 3)
        assert commitment(ch, member.identity.device, b) == member.advert.commitment
        seed = recover({point: seeds[point] for point in list(seeds)[:3]}, 3)
        assert public_key(mask_secret(seed)) == member.advert.mask_key
