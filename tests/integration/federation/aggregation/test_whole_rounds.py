"""Whole rounds: sums are exact whoever drops out, noise is as large as promised, and the published round comes out."""

import hashlib
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shared.errors import NotYet
from shared.privacy import Keystream, sample_discrete_gaussian
from shared.secure_sum import Advert, MaskedVector
from tests.support.private_round import PrivateRound, configuration, membership, parties, party, rng
from tests.support.random_bends import bend

VECTORS = Path(__file__).parents[3] / "vectors" / "fedrec-sa-1.json"


@pytest.fixture(scope="module")
def published():
    return json.loads(VECTORS.read_text(encoding="utf-8"))["round"]


@pytest.fixture(scope="module")
def replayed():
    """The round of the vectors: each device draws from one stream in the documented order; the last place drops."""
    devices = [(index, membership(bytes([index + 1]) * 32)) for index in range(5)]
    devices.sort(key=lambda device: device[1].identity.device)
    ramp = (np.arange(8) - 3.5) / 10
    members = [
        party(member, b"tv" + bytes([index]), (-ramp if place % 2 == 0 else ramp).astype(np.float32))
        for place, (index, member) in enumerate(devices)
    ]
    one = PrivateRound(configuration(8, noise=1), members)
    states = {}
    for phase, drop in (("advertise", ()), ("share", ()), ("mask", {4}), ("agree", ())):
        getattr(one, phase)(drop)
        states[phase] = one.parties[0].state
    return one, states, one.unmask(), [index for index, _ in devices]


def test_the_published_round_starts_from_its_configuration_members_and_adverts(published, replayed):
    one, states, _, order = replayed
    assert one.configuration.encode().hex() == published["cfg_enc"]
    assert one.configuration.digest().hex() == published["cfg_hash"]
    assert one.parties[0].member.registry.hex() == published["registry_pk"]
    assert order == published["order_of_seeds"]
    assert one.sent["advert"][0].hex() == published["advert0"]
    assert states["advertise"].self_seed.hex() == published["b_of_0"]
    assert states["advertise"].mask_seed.hex() == published["mseed_of_0"]


def test_the_published_round_has_its_session_parameters_and_keys(published, replayed):
    _, states, collected, _ = replayed
    assert states["share"].session.hex() == published["ctx"]
    assert states["share"].own_key.hex() == published["self_key_0"]
    assert states["share"].pair_keys[:32].hex() == published["pair_key_0_1"]
    parameters = collected.parameters
    assert [parameters.degree, parameters.threshold, parameters.scale, parameters.variance] == [
        published[name] for name in ("k", "t", "S", "sigma2")
    ]
    assert [parameters.minimum_survivors, parameters.honest_survivors, parameters.quorum] == [
        published[name] for name in ("u_min", "h_min", "quorum")
    ]


def test_every_message_of_the_published_round_comes_out_byte_for_byte(published, replayed):
    one, states, _, _ = replayed
    assert one.sent["envelopes"][0].hex() == published["share_msg_0"]
    assert one.sent["vector"][0].hex() == published["y_0"] + published["mask_sig_0"]
    assert one.u1.hex() == states["mask"].u1.hex() == published["u1"]
    assert one.u2.hex() == states["agree"].u2.hex() == published["u2"]
    assert one.sent["agreement"][0].hex() == published["agree_sig_0"]
    assert one.sent["shares"][0].hex() == published["unmask_0"]


def test_the_published_round_ends_in_its_sum(published, replayed):
    one, _, collected, _ = replayed
    assert collected.units.tolist() == published["sum"]
    assert collected.members == {0, 1, 2, 3}
    assert collected.culprits == ()
    assert one.charges() == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    "drops",
    [
        {},
        {"advertise": {0}},
        {"advertise": {5}, "share": {2}},
        {"share": {4}},
        {"mask": {0}},
        {"mask": {5}},
        {"agree": {1}},
        {"agree": {0, 1}},
        {"unmask": {3}},
        {"unmask": {3, 4}},
        {"agree": {1}, "unmask": {5}},
    ],
    ids=str,
)
def test_the_sum_of_six_is_exact_whoever_drops_out_and_when(drops):
    one = PrivateRound(configuration(33), parties(6, 33))
    collected = one.go(**drops)
    summed = set(range(len(one.parties))) - set(drops.get("share", ())) - set(drops.get("mask", ()))
    assert collected.members == summed
    assert collected.units.tolist() == one.expected(summed)
    assert collected.culprits == ()
    assert one.left == one.rejected == {}


def test_the_sum_of_five_is_exact_with_each_member_missing_from_each_phase():
    for phase in ("share", "mask", "agree", "unmask"):
        for place in range(5):
            one = PrivateRound(configuration(9), parties(5, 9, seed=place))
            collected = one.go(**{phase: {place}})
            summed = set(range(5)) - ({place} if phase in ("share", "mask") else set())
            assert collected.units.tolist() == one.expected(summed)


def test_rounded_vectors_and_not_zeros_are_what_the_sums_are_compared_with():
    one = PrivateRound(configuration(33), parties(6, 33))
    one.go()
    scale = one.configuration.for_cohort(6).scale
    true = sum(member.vector / max(1.0, np.linalg.norm(member.vector)) for member in one.parties) * scale
    assert np.abs(np.array(one.expected(range(6))) - true).max() < 6  # each is rounded by less than one unit
    assert np.abs(true).max() > 1000


def scattered(n, per_phase, seed=0):
    """Different members for each phase, at random."""
    order = iter(np.random.default_rng(seed).permutation(n).tolist())
    return {phase: {next(order) for _ in range(count)} for phase, count in per_phase.items()}


@pytest.mark.parametrize(
    ("n", "dimension", "asked"),
    [
        pytest.param(50, 301, {"share": 1, "mask": 4, "agree": 2, "unmask": 3}, id="50"),
        pytest.param(300, 101, {"share": 6, "mask": 12, "agree": 5, "unmask": 5}, id="300"),
        pytest.param(1000, 16, {"share": 20, "mask": 40, "agree": 10, "unmask": 10}, id="1000"),
    ],
)
def test_large_sums_are_exact_with_drops_in_every_phase(n, dimension, asked):
    drops = scattered(n, asked)
    one = PrivateRound(configuration(dimension, dropout_ppm=100_000), parties(n, dimension))
    collected = one.go(**drops)
    summed = set(range(n)) - drops["share"] - drops["mask"]
    assert collected.members == summed
    assert collected.units.tolist() == one.expected(summed)
    assert collected.culprits == ()
    assert sum(one.charges()) == len(summed)
    # the graph in between: complete up to 256 members, a ring above (FEDREC-SA/1 section 6)
    assert collected.parameters.degree == {50: 49, 300: 96, 1000: 132}[n]


def test_fifty_lose_members_while_joining_too():
    one = PrivateRound(configuration(40), parties(54, 40))
    collected = one.go(advertise={0, 9, 30, 53}, share={0}, mask={48, 49}, agree={7}, unmask={11})
    summed = set(range(1, 48))
    assert len(one.parties) == 50
    assert collected.units.tolist() == one.expected(summed)


def test_the_released_noise_has_the_variance_of_as_many_members_as_are_in_the_sum():
    n, dimension, survivors = 7, 300_000, 6
    members = [
        party(one.member, one.seed, np.zeros(dimension, np.float32)) for one in parties(n, 1)
    ]  # nobody has anything to add
    one = PrivateRound(configuration(dimension, noise=1), members)
    collected = one.go(mask={3})
    # section 4 by hand: h_min = 7 - 1 - 0 = 6; S = 16384, as 32768^2 2^14 = 2^44 > 2 * 2^39 * 6 >= 16384^2 2^14
    bound = 16384**2 + 16384 + dimension // 4 + 547 // 2
    variance = -(-bound * 2**40 // (2 * 2**39 * 6))
    assert collected.parameters.variance == variance
    noise = collected.units.astype(float)
    assert noise.var() == pytest.approx(survivors * variance, rel=0.015)
    assert abs(noise.mean()) < 5 * (survivors * variance / dimension) ** 0.5
    # neighbouring coordinates have nothing in common
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 5 / dimension**0.5


@pytest.mark.parametrize("noisy", [0, 1])
def test_local_noise_enters_the_sum_beside_the_clipped_vectors_from_those_alone_who_are_in_it(noisy):
    """The sum less the rounded vectors is the noise, number by number: of keys drawn after that of the rounding."""
    one = PrivateRound(
        configuration(12, noise=noisy), parties(5, 12, local_noise_over_clip=2.0), local_noise_over_clip=2.0
    )
    collected = one.go(mask={2})
    parameters = collected.parameters
    assert parameters.local_variance == 4 * parameters.scale**2
    noise = np.zeros(12, np.int64)
    for place in (0, 1, 3, 4):
        drawn = rng(one.parties[place].seed)
        drawn(32 * (3 + 2 * (parameters.threshold - 1) + 1))  # see rounding_key
        for variance in (parameters.variance, parameters.local_variance):
            if variance:
                noise += sample_discrete_gaussian(Keystream(drawn(32)), variance, 12)
    assert (np.array(one.expected([0, 1, 3, 4])) + noise).tolist() == collected.units.tolist()


def test_the_released_noise_has_the_variance_of_the_sums_noise_and_of_every_members_own():
    n, dimension = 6, 100_000
    members = [
        party(one.member, one.seed, np.zeros(dimension, np.float32), local_noise_over_clip=0.5) for one in parties(n, 1)
    ]
    collected = PrivateRound(configuration(dimension, noise=1), members, local_noise_over_clip=0.5).go(mask={3})
    parameters = collected.parameters
    assert parameters.local_variance == parameters.scale**2 // 4
    noise = collected.units.astype(float)
    # five standard deviations of a sample variance of so many are 2.2 %
    assert noise.var() == pytest.approx(5 * (parameters.variance + parameters.local_variance), rel=0.022)


def test_negative_sums_are_lifted_to_negative_numbers():
    members = parties(5, 4)
    for member in members:
        member.vector = np.full(4, -0.5, np.float32)
    one = PrivateRound(configuration(4), members)
    collected = one.go()
    assert collected.units.tolist() == [-5 * collected.parameters.scale // 2] * 4
    assert collected.units.dtype == np.int64


def test_a_masked_vector_looks_uniform_although_the_one_beneath_is_small():
    one = PrivateRound(configuration(4000), parties(5, 4000))
    one.advertise()
    one.share()
    one.mask()
    for content in one.sent["vector"].values():
        words = MaskedVector.decode(content, 4000).words.astype(float) / 2**32
        assert abs(words.mean() - 0.5) < 5 / (12 * 4000) ** 0.5
        assert abs(words.var() - 1 / 12) < 5 * (1 / 180 / 4000) ** 0.5


def test_two_rounds_with_the_same_members_share_no_key_and_no_mask():
    rounds = []
    for number in (1, 2):
        fresh = [party(member.member, member.seed + bytes([number]), member.vector) for member in parties(5)]
        one = PrivateRound(configuration(round_number=number), fresh)
        one.advertise()
        one.share()
        rounds.append((one.sent["advert"], [member.state for member in one.parties]))
    (first_adverts, first), (second_adverts, second) = rounds
    for place in range(5):
        before, after = Advert.decode(first_adverts[place]), Advert.decode(second_adverts[place])
        assert before.device == after.device
        assert before.encryption_key != after.encryption_key
        assert before.mask_key != after.mask_key
        assert before.commitment != after.commitment
    assert first[0].session != second[0].session
    keys = [
        {state.pair_keys[at : at + 32] for state in states for at in range(0, 128, 32)} | {s.own_key for s in states}
        for states in (first, second)
    ]
    assert len(keys[0]) == len(keys[1]) == 10 + 5
    assert not keys[0] & keys[1]


def test_with_the_same_secrets_another_round_still_has_other_keys():
    """Every key follows from the session, and that from the round's number and the model (FEDREC-SA/1 section 3)."""
    seen = set()
    for changed in ({}, {"round_number": 43}, {"model_hash": hashlib.sha256(b"other").digest()}, {"rho_units": 2**38}):
        one = PrivateRound(configuration(**changed), parties(5))
        one.advertise()
        one.share()
        seen |= {member.state.own_key for member in one.parties}
    assert len(seen) == 4 * 5


def test_whatever_happens_to_messages_on_their_way_a_round_ends_in_an_exact_sum_or_in_none():
    """Three in a hundred messages are bent; not the words of vectors, as nothing tells a wrong one from a right."""
    ends = Counter()
    for number in range(150):
        drawn = random.Random(number)

        def tamper(name, place, content, drawn=drawn):
            if drawn.random() > 0.03:
                return content
            if name == "vector":
                return content[:-64] + bend(drawn, content[-64:], [content], 64)
            return bend(drawn, content, [content], {"roster": 280, "advert": 280, "shares": 35}.get(name, 82))

        one = PrivateRound(configuration(4, dropout_ppm=340_000), parties(9, 4), tamper)
        try:
            collected = one.go()
        except NotYet:
            ends["none"] += 1
            assert one.collector._accumulator.size == 0
            continue
        assert collected.units.tolist() == one.expected(collected.members)
        assert len(collected.members) >= collected.parameters.minimum_survivors
        assert all(one.parties[place].charges == 1 for place in collected.members)
        ends["all" if len(collected.members) == 9 else "fewer"] += 1
    assert min(ends["none"], ends["all"], ends["fewer"]) >= 5, ends
