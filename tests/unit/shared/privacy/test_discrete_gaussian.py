"""The table sampler, against published vectors, exact probabilities, and the rational sampler of another paper."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import chi2

from shared.errors import Misconfigured
from shared.privacy import GaussianTable, Keystream, discrete_gaussian, sample_discrete_gaussian

KEY = bytes(range(32))
WIDEST = 2**28 * 2000**2


def probabilities(variance: int, reach: int) -> np.ndarray:
    """P[X = -reach .. reach] by the definition, in floating point."""
    x = np.arange(-12 * math.isqrt(variance) - 12, 12 * math.isqrt(variance) + 13)
    weights = np.exp(-(x**2) / (2 * variance))
    return (weights / weights.sum())[abs(x) <= reach]


def chi_square_p(draws: np.ndarray, variance: int) -> float:
    """Chance of a worse fit, over bins of at least 20 expected draws."""
    reach = int(6 * math.sqrt(variance))
    expected = probabilities(variance, reach) * len(draws)
    observed = np.bincount(np.clip(draws, -reach, reach) + reach, minlength=2 * reach + 1)
    bins = np.unique(np.minimum(np.cumsum(expected) // 20, len(draws) // 20 - 1), return_inverse=True)[1]
    expected, observed = np.bincount(bins, expected), np.bincount(bins, observed)
    return float(chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1))


class Canonne:
    """Algorithms 1 to 3 of Canonne, Kamath, Steinke 2020, in rational arithmetic and to the letter."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def bernoulli(self, rng: Fraction) -> bool:
        return self.random.randrange(rng.denominator) < rng.numerator

    def bernoulli_exp(self, gamma: Fraction) -> bool:
        """True with probability exp(-gamma)."""
        while gamma > 1:
            if not self.bernoulli_exp(Fraction(1)):
                return False
            gamma -= 1
        k = 1
        while self.bernoulli(gamma / k):
            k += 1
        return k % 2 == 1

    def laplace(self, scale: int) -> int:
        while True:
            u = self.random.randrange(scale)
            if not self.bernoulli_exp(Fraction(u, scale)):
                continue
            v = 0
            while self.bernoulli_exp(Fraction(1)):
                v += 1
            negative, magnitude = self.bernoulli(Fraction(1, 2)), u + scale * v
            if not (negative and magnitude == 0):
                return -magnitude if negative else magnitude

    def gaussian(self, variance: int) -> int:
        scale = math.isqrt(variance) + 1
        while True:
            y = self.laplace(scale)
            if self.bernoulli_exp((abs(y) - Fraction(variance, scale)) ** 2 / (2 * variance)):
                return y


def test_the_tables_are_those_of_the_vectors(vectors):
    small, big = (GaussianTable.of(vectors[name]["s2"]) for name in ("dgauss", "dgauss_big"))
    assert len(small.high) == vectors["dgauss"]["table_len"]
    assert (hex(small.high[0]), hex(small.low[0])) == (vectors["dgauss"]["hi0"], vectors["dgauss"]["lo0"])
    assert hex(small.high[10]) == vectors["dgauss"]["hi10"]
    assert len(big.high) == vectors["dgauss_big"]["table_len"]
    assert hex(big.high[1000]) == vectors["dgauss_big"]["hi1000"]


@pytest.mark.parametrize(("name", "draws"), [("dgauss", "first24"), ("dgauss_big", "first8")])
def test_the_draws_are_those_of_the_vectors(vectors, name, draws):
    expected = vectors[name][draws]
    assert sample_discrete_gaussian(Keystream(KEY), vectors[name]["s2"], len(expected)).tolist() == expected


@pytest.mark.parametrize("variance", [1, 7, 256, 4099, 67_112_961])
def test_the_guide_leads_where_a_plain_search_does(variance):
    table = GaussianTable.of(variance)
    words = np.frombuffer(Keystream(KEY)(8 * 20_000), "<u8").astype(np.uint64)
    edges = np.concatenate([table.high - np.uint64(1), table.high[:-1] + np.uint64(1)])
    words = np.concatenate([words, edges[~np.isin(edges, table.high)]])
    plain = [sum(1 for high in table.high if high <= word) for word in words[:50]]
    assert table.magnitudes(words, no_more).tolist() == np.searchsorted(table.high, words, side="right").tolist()
    assert table.magnitudes(words, no_more)[:50].tolist() == plain


def no_more(length: int) -> bytes:
    raise AssertionError("no word ties")


@pytest.mark.parametrize("variance", [16, 256])
@pytest.mark.parametrize("entry", [0, 3, 10])
def test_a_word_that_ties_is_settled_by_the_lower_half(variance, entry):
    table = GaussianTable.of(variance)
    word = table.high[entry : entry + 1]
    for more, expected in [(int(table.low[entry]) - 1, entry), (int(table.low[entry]), entry + 1)]:
        assert table.magnitudes(word, lambda _, more=more: more.to_bytes(8, "little")).tolist() == [expected]


def test_the_last_words_of_all_stay_on_the_table():
    table = GaussianTable.of(256)
    highest = np.array([2**64 - 1], np.uint64)
    assert table.magnitudes(highest, lambda _: bytes(8))[0] == np.count_nonzero(table.high < highest)
    assert table.magnitudes(highest, lambda _: b"\xfe" + bytes([255] * 7))[0] < len(table.high)


@pytest.mark.parametrize("variance", [1, 2, 256, 1000])
def test_the_sampler_fits_the_exact_probabilities(variance):
    draws = np.concatenate(
        [sample_discrete_gaussian(Keystream(bytes([key] * 32)), variance, 100_000) for key in range(4)]
    )
    assert chi_square_p(draws, variance) > 1e-4


@pytest.mark.parametrize("variance", [1, 20, 256])
def test_it_fits_as_the_rational_sampler_does(variance):
    twin = Canonne(seed=variance)
    assert chi_square_p(np.array([twin.gaussian(variance) for _ in range(5_000)]), variance) > 1e-4


def test_the_fit_would_notice_another_variance():
    assert chi_square_p(sample_discrete_gaussian(Keystream(KEY), 264, 400_000), 256) < 1e-4


@pytest.mark.parametrize("variance", [1, 256, 53_684_929, 2**28])
def test_mean_variance_and_signs_are_as_told(variance):
    draws = sample_discrete_gaussian(Keystream(KEY), variance, 400_000).astype(float)
    assert abs(draws.mean()) < 5 * math.sqrt(variance / 400_000)
    assert draws.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / 400_000))
    assert (draws > 0).sum() == pytest.approx((draws < 0).sum(), rel=0.02)


def test_from_a_variance_of_one_on_the_parameter_is_the_variance():
    x = np.arange(-40, 41)
    assert (probabilities(1, 12) * x[abs(x) <= 12] ** 2).sum() == pytest.approx(1, rel=1e-6)


def test_the_mass_of_the_table_is_the_exact_one_to_double_precision():
    table = GaussianTable.of(256)
    cumulated = table.high.astype(float) / 2.0**64
    exact = np.array([probabilities(256, k).sum() for k in range(60)])
    np.testing.assert_allclose(cumulated[:60], exact, rtol=1e-12)


def test_nothing_is_drawn_for_nobody():
    assert sample_discrete_gaussian(Keystream(KEY), 256, 0).tolist() == []


@pytest.mark.parametrize("variance", [0, -1, WIDEST + 1, 2**60, 256.0, 2.0**30, True])
def test_an_impossible_variance_is_refused(variance):
    with pytest.raises(Misconfigured, match="noise variance: expected a whole number"):
        sample_discrete_gaussian(Keystream(KEY), variance, 1)


def test_one_table_goes_no_further_than_its_maximum():
    with pytest.raises(
        Misconfigured, match="noise variance: expected a whole number from 1 to 268435456, got 268435457"
    ):
        GaussianTable.of(2**28 + 1)


# Wider than one table: a draw and a multiple of another


class Ones:
    """Stands for a table; every magnitude is one, so that a sum of two draws tells how the second was multiplied."""

    def magnitudes(self, words, stream):
        return np.ones(len(words), np.int64)


def taken_apart(variance: int) -> tuple[int, int, int]:
    """Variance of the first draw, the step of the second, and its variance."""
    tables = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(discrete_gaussian, "_table", lambda asked: tables.append(asked) or Ones())
        drawn = sample_discrete_gaussian(Keystream(KEY), variance, 64)
    fine, coarse = tables
    return fine, int(drawn.max()) - 1, coarse


@given(st.integers(2**28 + 1, WIDEST) | st.integers(2**28 + 1, 2**30))
@example(2**28 + 1)
@example(2**29)
@example(2**29 + 1)
@example(WIDEST)
def test_two_draws_are_as_wide_as_asked_and_hardly_wider_and_leave_no_gaps(variance):
    fine, step, coarse = taken_apart(variance)
    assert variance <= fine + step**2 * coarse <= variance * (1 + 2**-26)
    assert min(fine, coarse) >= 2**26
    assert 1 <= step <= 2000
    # Where the sum is known, the second draw is spread by this much; a whole-numbered bell sums to its integral but for
    # 2 exp(-2 pi² spread) (Poisson), here below 2^-160: that is how far the comb shows.
    spread = fine * coarse / (fine + step**2 * coarse)
    assert 2 * math.pi**2 * spread > 161 * math.log(2)


def test_at_the_seams_one_table_is_left_for_two_and_then_for_wider_steps():
    with pytest.raises(ValueError, match="not enough values to unpack"):
        taken_apart(2**28)
    assert taken_apart(2**28 + 1) == (2**27 + 1, 1, 2**27)
    assert taken_apart(2**29) == (2**28, 1, 2**28)
    assert taken_apart(2**29 + 1) == (2**28, 2, 2**26 + 1)
    assert taken_apart(5 * 2**28) == (2**28, 2, 2**28)
    assert taken_apart(WIDEST)[:2] == (2**28, 2000)


@pytest.mark.parametrize("variance", [2**28 + 1, 2**29, 2**29 + 1, 2**40, WIDEST])
def test_the_spread_of_two_draws_is_as_told(variance):
    draws = sample_discrete_gaussian(Keystream(KEY), variance, 200_000).astype(float)
    assert abs(draws.mean()) < 5 * math.sqrt(variance / 200_000)
    assert draws.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / 200_000))
    assert ((draws / math.sqrt(variance)) ** 4).mean() == pytest.approx(3, rel=5 * math.sqrt(96 / 9 / 200_000))
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 5 / math.sqrt(200_000)


def small_tables(monkeypatch: pytest.MonkeyPatch, maximum: int, step: int) -> None:
    """The same sampler, but that one table goes no further than `maximum`, and steps than `step`."""
    monkeypatch.setattr(discrete_gaussian, "MAXIMUM_VARIANCE", maximum)
    monkeypatch.setattr(discrete_gaussian, "_WIDEST_VARIANCE", maximum * step**2)


# A deviation of 32 at most and steps of 4 at most: as 16384 and 2000. Seams lie at 1024 and 2048.
SCALED_DOWN = (1026, 2048, 2052, 9124, 16 * 1024)


@pytest.mark.parametrize("variance", SCALED_DOWN)
def test_two_draws_fit_the_exact_probabilities_of_one(monkeypatch, variance):
    small_tables(monkeypatch, 1024, 4)
    draws = np.concatenate(
        [sample_discrete_gaussian(Keystream(bytes([key] * 32)), variance, 100_000) for key in range(4)]
    )
    assert chi_square_p(draws, variance) > 1e-4


@pytest.mark.parametrize("variance", SCALED_DOWN)
def test_the_exact_law_of_two_draws_is_that_of_one_to_double_precision(monkeypatch, variance):
    small_tables(monkeypatch, 1024, 4)
    fine, step, coarse = taken_apart(variance)
    assert fine + step**2 * coarse == variance
    reach = 10 * math.isqrt(coarse)
    comb = np.zeros(2 * step * reach + 1)
    comb[::step] = probabilities(coarse, reach)
    law = np.convolve(comb, probabilities(fine, 10 * math.isqrt(fine)))
    middle, whole = len(law) // 2, 8 * math.isqrt(variance)
    np.testing.assert_allclose(
        law[middle - whole : middle + whole + 1], probabilities(variance, whole), rtol=1e-9, atol=1e-16
    )


def test_the_fit_would_notice_steps_that_are_too_wide(monkeypatch):
    small_tables(monkeypatch, 16, 16)  # a deviation of 4 and steps of 16
    draws = sample_discrete_gaussian(Keystream(KEY), 16 * 16**2, 400_000)
    assert draws.var() == pytest.approx(16 * 16**2, rel=0.02)
    assert chi_square_p(draws, 16 * 16**2) < 1e-4


def test_the_widest_of_the_small_sampler_is_drawn_and_one_beyond_is_not(monkeypatch):
    small_tables(monkeypatch, 64, 3)
    assert len(sample_discrete_gaussian(Keystream(KEY), 64 * 9, 5)) == 5
    with pytest.raises(Misconfigured, match="noise variance"):
        sample_discrete_gaussian(Keystream(KEY), 64 * 9 + 1, 5)


def test_a_table_prints_its_size_only():
    assert repr(GaussianTable.of(256)) == "GaussianTable(variance=256, 246 entries)"
