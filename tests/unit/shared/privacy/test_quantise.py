"""Clipping and rounding, against the published vectors and a twin that does one entry at a time."""

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.errors import Misconfigured
from shared.privacy import (
    Keystream,
    clip,
    quantise,
    quantise_rows,
    sample_discrete_gaussian,
    sample_discrete_gaussians,
    squared_norms,
)

KEY = bytes(range(32))
SCALES = st.sampled_from([256, 4096, 65536])
VECTORS = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6))


def bound_of(scale: int, length: int) -> int:
    """Squared norm bound of FEDREC-SA/1."""
    return scale**2 + scale + length // 4 + math.isqrt(length) // 2


def slowly(vector: np.ndarray, clip_norm: float, scale: int, bound: int, stream: Keystream) -> list[int]:
    """The same rounding an entry at a time, in rational arithmetic from the clipped vector on."""
    scaled = [Fraction(value) for value in (clip(vector, clip_norm) * (scale / clip_norm)).tolist()]
    for _ in range(64):
        rounded = [math.floor(v + Fraction(int.from_bytes(stream(4), "little"), 2**32)) for v in scaled]
        if sum(q * q for q in rounded) <= bound:
            return rounded
    return [math.trunc(v) for v in scaled]


def test_the_result_is_that_of_the_vectors(vectors):
    known = vectors["quantise"]
    result = quantise(np.array(known["x"]), known["C"], known["S"], known["B2"], Keystream(KEY))
    assert result.dtype == np.int64
    assert result.tolist() == known["q"]
    assert bound_of(known["S"], len(known["x"])) == known["B2"]


def test_a_whole_round_of_noisy_vectors_sums_to_that_of_the_vectors(vectors):
    known = vectors["round"]
    length, coefficients = 8, 2 * (known["t"] - 1)
    total = np.zeros(length, np.int64)
    for place, device in enumerate(known["order_of_seeds"][:-1]):  # the last one drops out
        randomness = Keystream(hashlib.sha256(b"tv" + bytes([device])).digest())
        randomness(32 * (3 + coefficients))  # keys and shares come first
        rounding, noise = Keystream(randomness(32)), Keystream(randomness(32))
        vector = (np.arange(length) - 3.5) / 10 * (-1 if place % 2 == 0 else 1)
        total += quantise(vector, 1.0, known["S"], bound_of(known["S"], length), rounding)
        total += sample_discrete_gaussian(noise, known["sigma2"], length)
    assert total.tolist() == known["sum"]


@given(VECTORS, SCALES, st.floats(1e-3, 1e3), st.binary(min_size=32, max_size=32))
def test_it_agrees_with_the_slow_twin(vector, scale, clip_norm, key):
    bound = bound_of(scale, len(vector))
    fast = quantise(vector, clip_norm, scale, bound, Keystream(key))
    assert np.abs(fast - np.array(slowly(vector, clip_norm, scale, bound, Keystream(key)))).max() <= 1
    assert np.count_nonzero(fast - slowly(vector, clip_norm, scale, bound, Keystream(key))) <= 1


@given(VECTORS, SCALES, st.floats(1e-3, 1e3), st.binary(min_size=32, max_size=32))
def test_the_norm_bound_holds_and_no_entry_moves_by_more_than_one(vector, scale, clip_norm, key):
    bound = bound_of(scale, len(vector))
    result = quantise(vector, clip_norm, scale, bound, Keystream(key))
    assert sum(int(q) ** 2 for q in result) <= bound
    assert np.abs(result - clip(vector, clip_norm) * (scale / clip_norm)).max() <= 1


@given(VECTORS, st.binary(min_size=32, max_size=32))
def test_the_tightest_bound_holds_too(vector, key):
    result = quantise(np.sign(vector) + 1e-3, 1.0, 256, 256**2, Keystream(key))
    assert squared_norms(result[None]) <= 256**2


def test_the_mean_over_many_keys_is_the_vector():
    vector = np.linspace(-0.3, 0.3, 20)
    draws = [quantise(vector, 1.0, 16, bound_of(16, 20), Keystream(key.to_bytes(32, "big"))) for key in range(4_000)]
    # A fair coin of one unit has a standard deviation of at most 1/2; the conditioning adds a little.
    assert np.abs(np.mean(draws, axis=0) - 16 * vector).max() < 5 * 0.5 / math.sqrt(4_000) + 0.01


def test_after_64_draws_too_long_entries_are_cut_towards_zero():
    calls = []

    def always_up(length: int) -> bytes:
        calls.append(length)
        return b"\xff" * length

    vector = np.full(1000, 1.0)
    result = quantise(vector, 1.0, 256, 256**2, always_up)
    assert calls == [4000] * 64
    assert result.tolist() == [8] * 1000  # 256 / sqrt(1000) is 8.095


def test_whole_units_need_no_luck():
    assert quantise(np.array([0.25, -0.5, 0.0]), 1.0, 4, 16, Keystream(KEY)).tolist() == [1, -2, 0]


@given(VECTORS, st.floats(1e-3, 1e3))
def test_clipping_shortens_and_keeps_the_direction(vector, clip_norm):
    clipped, norm = clip(vector, clip_norm), math.hypot(*vector)
    assert math.hypot(*clipped) <= clip_norm * (1 + 1e-12)
    if norm <= clip_norm * (1 - 1e-12):
        assert clipped.tolist() == vector.tolist()
    elif norm > clip_norm:
        np.testing.assert_allclose(clipped, vector * (clip_norm / norm), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("huge", [1e200, 1e300, 1.7e308])
def test_clipping_survives_squares_that_overflow(huge):
    np.testing.assert_allclose(clip(np.array([huge, -huge]), 2.0), [math.sqrt(2), -math.sqrt(2)])


def test_clipping_survives_squares_that_vanish():
    np.testing.assert_allclose(clip(np.array([3e-200, 4e-200]), 1e-200), [0.6e-200, 0.8e-200])


def test_clipping_takes_single_precision_and_leaves_its_input_alone():
    vector = np.array([3.0, 4.0], np.float32)
    clipped = clip(vector, 1.0)
    assert clipped.dtype == np.float64
    np.testing.assert_allclose(clipped, [0.6, 0.8])
    assert vector.tolist() == [3.0, 4.0]
    inside = clip(np.zeros(3), 1.0)
    assert inside.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_entries_that_are_no_numbers_are_refused_and_not_quoted(bad):
    with pytest.raises(Misconfigured, match="expected finite entries") as error:
        clip(np.array([0.123456, bad]), 1.0)
    assert "0.123456" not in str(error.value)


@pytest.mark.parametrize("norm", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_norm_is_refused(norm):
    with pytest.raises(Misconfigured, match="clip norm: expected a number above 0"):
        clip(np.ones(2), norm)


@pytest.mark.parametrize(("scale", "bound"), [(0, 5), (16, 255)])
def test_a_bound_without_room_is_refused(scale, bound):
    with pytest.raises(Misconfigured, match="squared norm bound"):
        quantise(np.ones(2), 1.0, scale, bound, Keystream(KEY))


@pytest.mark.parametrize("entry", [0.0, 0.01, 0.125])
def test_the_same_work_makes_all_draws_whatever_the_vector_and_gives_the_same(entry: float) -> None:
    vector = np.full(64, entry, np.float32)
    asked: dict[bool, list[int]] = {False: [], True: []}

    def made(same_work: bool) -> list[int]:
        generator = np.random.default_rng(5)

        def stream(size: int) -> bytes:
            asked[same_work].append(size)
            return generator.bytes(size)

        return quantise(vector, 1.0, 1000, 1010**2, stream, same_work).tolist()

    assert made(True) == made(False)
    assert asked[True] == [4 * 64] * 64
    assert len(asked[False]) < 64


@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 30)), elements=st.floats(-1e6, 1e6)),
    SCALES,
    st.binary(min_size=32, max_size=32),
    st.booleans(),
)
def test_rows_together_are_what_each_is_alone(vectors, scale, key, same_work):
    def stream(row: int) -> Keystream:
        return Keystream(hashlib.sha256(key + bytes([row])).digest())

    bound = bound_of(scale, vectors.shape[1])
    together = quantise_rows(vectors, 2.0, scale, bound, [stream(row) for row in range(len(vectors))], same_work)
    for row, vector in enumerate(vectors):
        assert together[row].tolist() == quantise(vector, 2.0, scale, bound, stream(row)).tolist()


@trying(deadline=None, max_examples=30)  # a table of a wide variance is made once, in tenths of a second
@given(st.integers(1, 5), st.integers(0, 40), st.sampled_from([1, 3, 10**4, 2**20, 2**29]))
def test_noise_of_several_streams_is_that_of_each(rows, length, variance):
    streams = [hashlib.sha256(bytes([row])).digest() for row in range(rows)]
    together = sample_discrete_gaussians([Keystream(key) for key in streams], variance, length)
    assert together.shape == (rows, length)
    for row, key in enumerate(streams):
        assert together[row].tolist() == sample_discrete_gaussian(Keystream(key), variance, length).tolist()
