"""The round's configuration: its bytes, what they refuse, and what is derived; numbers by hand where they are few."""

import math
import struct
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Corrupt, Misconfigured
from shared.privacy.discrete_gaussian import _WIDEST_VARIANCE, MAXIMUM_VARIANCE
from shared.secure_sum import RoundConfiguration, SumParameters
from shared.secure_sum.configuration import _LARGEST_VARIANCE

PLAIN = RoundConfiguration(
    task_id=bytes(16),
    round_number=1,
    model_hash=bytes(32),
    registry_hash=bytes(32),
    dimension=300_000,
    clip_norm=1.0,
    rho_units=2**40 // 20,
    minimum_cohort=50,
    maximum_cohort=4096,
    corrupt_ppm=100_000,
    dropout_ppm=100_000,
)

CONFIGURATIONS = st.builds(
    lambda bounds, **values: RoundConfiguration(minimum_cohort=min(bounds), maximum_cohort=max(bounds), **values),
    bounds=st.tuples(*[st.integers(2, 2**16 - 1)] * 2),
    task_id=st.binary(min_size=16, max_size=16),
    round_number=st.integers(0, 2**64 - 1),
    model_hash=st.binary(min_size=32, max_size=32),
    registry_hash=st.binary(min_size=32, max_size=32),
    dimension=st.integers(1, 2**32 - 1),
    clip_norm=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    rho_units=st.integers(1, 2**64 - 1),
    corrupt_ppm=st.integers(0, 10**6 - 1),
    dropout_ppm=st.integers(0, 10**6 - 1),
    noise=st.integers(0, 1),
)


def test_bytes_and_hash_are_those_of_the_vectors(vectors, vector_round):
    configuration, vector = vector_round.configuration, vectors["round"]
    assert configuration.encode().hex() == vector["cfg_enc"]
    assert configuration.digest().hex() == vector["cfg_hash"]
    assert RoundConfiguration.decode(bytes.fromhex(vector["cfg_enc"])) == configuration
    assert configuration.rho == 0.5


def test_parameters_are_those_of_the_vectors(vectors, vector_round):
    derived, vector = vector_round.configuration.for_cohort(5), vectors["round"]
    assert derived == SumParameters(
        cohort=5,
        corrupt=0,
        minimum_survivors=vector["u_min"],
        honest_survivors=vector["h_min"],
        quorum=vector["quorum"],
        scale=vector["S"],
        variance=vector["sigma2"],
        local_variance=0,
        squared_norm_bound=vector["S"] ** 2 + vector["S"] + 8 // 4 + 2 // 2,
        degree=vector["k"],
        threshold=vector["t"],
        window=None,
    )


def test_the_norm_bound_is_that_of_the_vectors(vectors):
    vector = vectors["quantise"]
    scale = vector["S"]
    # The same formula at another scale: 4096^2 + 4096 + 8 // 4 + isqrt(8) // 2 = 16781315.
    assert scale**2 + scale + 8 // 4 + math.isqrt(8) // 2 == vector["B2"]
    tight = replace(PLAIN, dimension=8, rho_units=2**33, minimum_cohort=20)
    assert tight.for_cohort(36).scale == scale
    assert tight.for_cohort(36).squared_norm_bound == vector["B2"]


def test_a_thousand_members_by_hand():
    derived = PLAIN.for_cohort(1000)
    assert (derived.corrupt, derived.minimum_survivors, derived.honest_survivors) == (100, 900, 800)
    assert derived.quorum == 551
    assert (derived.degree, derived.threshold, derived.window) == (132, 67, 25)
    # 2 * 0.05 * 800 = 80 honest units of rho: S^2 / 80 <= 8192^2 at S = 65536.
    assert derived.scale == 65536
    assert derived.squared_norm_bound == 65536**2 + 65536 + 75_000 + 273
    # 4 295 108 105 / 80 = 53 688 851.3; rho_units is a little below 0.05, and the variance is rounded up.
    assert derived.variance == 53_688_852


@given(CONFIGURATIONS)
def test_a_configuration_survives_its_bytes(configuration):
    content = configuration.encode()
    assert len(content) == 123
    assert RoundConfiguration.decode(content) == configuration


@given(CONFIGURATIONS, st.integers(2, 5000))
def test_whatever_is_derived_charges_no_more_than_asked(configuration, n):
    try:
        derived = configuration.for_cohort(n)
    except Misconfigured:
        return
    assert derived.honest_survivors == derived.minimum_survivors - derived.corrupt >= 2
    assert 2 * derived.quorum - n > derived.corrupt  # two quorums share an honest member
    assert derived.threshold > derived.corrupt or derived.window is not None
    assert 256 <= derived.scale <= 65536
    if configuration.noise:
        charged = 2 * derived.honest_survivors * derived.variance * configuration.rho_units
        assert charged >= derived.squared_norm_bound << 40
        assert derived.variance >= 256
    else:
        assert derived.variance == 0


@given(st.binary(min_size=123, max_size=123) | st.binary())
def test_random_bytes_are_a_configuration_or_corrupt(content):
    try:
        configuration = RoundConfiguration.decode(content)
    except Corrupt:
        return
    assert configuration.encode() == content


@pytest.mark.parametrize("length", range(123))
def test_a_truncated_configuration_is_corrupt(length):
    with pytest.raises(Corrupt, match="expected 123 bytes"):
        RoundConfiguration.decode(PLAIN.encode()[:length])


def test_an_extended_configuration_is_corrupt():
    with pytest.raises(Corrupt, match="expected 123 bytes, got 124"):
        RoundConfiguration.decode(PLAIN.encode() + b"\0")


@pytest.mark.parametrize(
    ("offset", "content", "why"),
    [
        (0, b"\x00", "version 1, got 0"),
        (0, b"\x02", "version 1, got 2"),
        (89, bytes(4), "dimension: expected from 1"),
        (93, struct.pack("<d", math.nan), "clip_norm: expected a finite"),
        (93, struct.pack("<d", math.inf), "clip_norm: expected a finite"),
        (93, struct.pack("<d", -1.0), "clip_norm: expected a finite"),
        (93, bytes(8), "clip_norm: expected a finite"),
        (101, bytes(8), "rho_units: expected from 1"),
        (109, b"\x01\x00", "minimum_cohort: expected from 2"),
        (111, b"\x31\x00", "minimum_cohort: expected from 2 to 49"),
        (113, struct.pack("<I", 10**6), "corrupt_ppm: expected"),
        (117, struct.pack("<I", 10**6), "dropout_ppm: expected"),
        (121, b"\x10", "bits: expected from 32 to 32, got 16"),
        (122, b"\x02", "noise: expected from 0 to 1, got 2"),
    ],
)
def test_a_value_no_round_can_have_is_corrupt(offset, content, why):
    changed = bytearray(PLAIN.encode())
    changed[offset : offset + len(content)] = content
    with pytest.raises(Corrupt, match=why):
        RoundConfiguration.decode(bytes(changed))


def test_hashes_of_another_length_are_refused():
    with pytest.raises(Misconfigured, match="model_hash: expected 32 bytes, got 31"):
        replace(PLAIN, model_hash=bytes(31))


@pytest.mark.parametrize(
    ("changes", "n", "why"),
    [
        ({}, 49, "from 50 to 4096 members, got 49"),
        ({}, 4097, "from 50 to 4096 members"),
        ({"maximum_cohort": 60}, 61, "from 50 to 60 members"),
        ({"maximum_cohort": 65535}, 4097, "from 50 to 4096 members"),
        ({"minimum_cohort": 3, "corrupt_ppm": 400_000, "dropout_ppm": 400_000}, 5, "1 honest survivors"),
        ({"minimum_cohort": 3, "dropout_ppm": 600_000}, 9, "may be left"),
        ({"rho_units": 1}, 100, "could wrap the 32-bit sum"),
    ],
)
def test_a_cohort_without_a_safe_sum_is_refused(changes, n, why):
    with pytest.raises(Misconfigured, match=why):
        replace(PLAIN, **changes).for_cohort(n)


def test_local_noise_is_a_whole_variance_beside_that_of_the_sum_and_changes_nothing_else():
    derived = PLAIN.for_cohort(100)
    scale = derived.scale
    for over_clip, expected in ((0.0, 0), (1 / scale, 1), (1.5, 9 * scale**2 // 4), (1.25 / scale, 2)):  # rounded up
        assert PLAIN.for_cohort(100, over_clip) == replace(derived, local_variance=expected)


@given(st.floats(1e-6, 300), st.integers(50, 4096))
def test_local_noise_is_never_less_than_asked_for_and_less_than_a_squared_unit_more(over_clip, n):
    try:
        derived = PLAIN.for_cohort(n, over_clip)
    except Misconfigured:
        return
    asked = Fraction(over_clip) ** 2 * derived.scale**2
    assert asked * (1 - Fraction(1, 2**50)) <= derived.local_variance < asked * (1 + Fraction(1, 2**50)) + 1


def test_local_noise_takes_its_room_in_the_modulus():
    derived = PLAIN.for_cohort(100)
    assert PLAIN.for_cohort(100, local_noise_over_clip=1e5 / derived.scale).local_variance == pytest.approx(1e10)
    # 2^31 - 100 * (S + 1) over 12 standard deviations of a hundred members leaves a variance of about 3e14.
    with pytest.raises(Misconfigured, match="less local noise"):
        PLAIN.for_cohort(100, local_noise_over_clip=2e7 / derived.scale)
    for impossible in (math.nan, math.inf, -1.0):
        with pytest.raises(Misconfigured, match="local_noise_over_clip"):
            PLAIN.for_cohort(100, local_noise_over_clip=impossible)


def test_noise_that_no_device_could_draw_is_refused_before_anybody_pays_for_it():
    assert _LARGEST_VARIANCE == MAXIMUM_VARIANCE
    thin = replace(PLAIN, rho_units=2**40 // 10**6)
    with pytest.raises(Misconfigured, match="at most 268435456 squared units each"):
        thin.for_cohort(60)
    assert PLAIN.for_cohort(60).variance <= MAXIMUM_VARIANCE


def test_local_noise_that_no_device_could_draw_is_refused_before_anybody_pays_for_it():
    small = replace(PLAIN, minimum_cohort=5, rho_units=2**45)
    assert small.for_cohort(5, 400.0).local_variance <= _WIDEST_VARIANCE
    with pytest.raises(Misconfigured):
        small.for_cohort(5, 600.0)


def test_without_noise_all_else_stays():
    derived = PLAIN.for_cohort(100)
    assert replace(PLAIN, noise=0).for_cohort(100) == replace(derived, variance=0)
    assert replace(PLAIN, noise=0).for_cohort(100, 1.0) == replace(derived, variance=0, local_variance=derived.scale**2)
