"""The accountant against the Gaussian's true privacy profile at fifty digits, two other libraries, and what it left."""

import math

import mpmath
import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution
from hypothesis import given
from hypothesis import strategies as st
from opacus.accountants import RDPAccountant
from scipy.integrate import quad
from scipy.stats import norm

from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.privacy import LocalWindow, SummedGaussian, SummedWindow, composed_epsilon, epsilon_of_rho, rho_for
from shared.round_parameters import derive_round_parameters
from tests.support.docstrings import run_examples

DELTA = 1e-6
DIGITS = mpmath.MPContext()
DIGITS.dps = 50


def true_delta(rho: float, epsilon: float) -> mpmath.mpf:
    """Privacy profile of the Gaussian mechanism of this rho (Balle, Wang 2018, Theorem 8)."""
    mu, epsilon = DIGITS.sqrt(2 * DIGITS.mpf(rho)), DIGITS.mpf(epsilon)

    def below(x: mpmath.mpf) -> mpmath.mpf:
        return DIGITS.erfc(-x / DIGITS.sqrt(2)) / 2

    return below(mu / 2 - epsilon / mu) - DIGITS.exp(epsilon) * below(-mu / 2 - epsilon / mu)


def concentrated_epsilon(rho: float, delta: float) -> float:
    """What zero-concentrated privacy of this rho amounts to (Canonne, Kamath, Steinke 2020), order by order."""
    a = 1 + np.geomspace(1e-4, 1e6, 20_000)
    return float((rho * a + np.log1p(-1 / a) - np.log(delta * a) / (a - 1)).min())


def spent(rho: float, delta: float = DELTA, count: int = 1) -> float:
    return composed_epsilon({SummedGaussian("update", rho): count}, delta)


@pytest.mark.parametrize(("rho", "epsilon"), [(0.01, 0.3), (0.5, 1.0), (0.5, 3.0), (2.0, 5.0)])
def test_the_oracle_is_the_integral_of_where_one_density_exceeds_the_other(rho, epsilon):
    mu = math.sqrt(2 * rho)

    def excess(x: float) -> float:
        return max(0.0, norm.pdf(x, mu) - math.exp(epsilon) * norm.pdf(x, 0))

    crossing = epsilon / mu + mu / 2
    integral = quad(excess, crossing, crossing + 20 * max(1, mu), epsabs=1e-14, limit=500)[0]
    assert float(true_delta(rho, epsilon)) == pytest.approx(integral, rel=1e-6)


@given(st.floats(math.log(1e-6), math.log(1e3)), st.floats(math.log(1e-12), math.log(0.1)))
def test_it_is_never_below_the_truth_and_no_further_above_than_a_millionth(log_rho, log_delta):
    rho, delta = math.exp(log_rho), math.exp(log_delta)
    epsilon = epsilon_of_rho(rho, delta)
    assert true_delta(rho, epsilon) <= delta
    assert epsilon == 0 or true_delta(rho, epsilon * (1 - 1e-6)) > delta


# Of so many equal steps, in steps of a thousandth of the privacy loss, rounded up: an upper bound by construction.
@pytest.mark.parametrize(
    ("rho", "count", "delta"), [(0.05, 20, 1e-6), (0.001, 300, 1e-6), (0.5, 1, 1e-9), (0.4, 9, 0.01)]
)
def test_the_privacy_loss_distribution_of_the_steps_composed_says_the_same(rho, count, delta):
    one = privacy_loss_distribution.from_gaussian_mechanism(1 / math.sqrt(2 * rho), value_discretization_interval=1e-3)
    composed = one.self_compose(count).get_epsilon_for_delta(delta)
    assert spent(rho, delta, count) * (1 - 1e-9) <= composed <= 1.01 * spent(rho, delta, count)


@pytest.mark.parametrize(
    ("rho", "count", "delta"), [(0.05, 20, 1e-6), (0.003, 100, 1e-6), (0.5, 1, 1e-9), (0.25, 8, 1e-5)]
)
def test_the_moments_of_opacus_stand_above_it_and_not_far(rho, count, delta):
    opacus = RDPAccountant()
    opacus.history = [(1 / math.sqrt(2 * rho), 1.0, count)]
    assert spent(rho, delta, count) <= opacus.get_epsilon(delta) <= 1.1 * spent(rho, delta, count)


@pytest.mark.parametrize("delta", [1e-2, 1e-6, 1e-10])
@pytest.mark.parametrize("rho", [1e-3, 0.0882, 1.0524, 1.1728, 30.0])
def test_what_concentrated_privacy_alone_says_stands_above_it(rho, delta):
    assert spent(rho, delta) < concentrated_epsilon(rho, delta) < 2 * spent(rho, delta)


# The first two by somebody else, the others by bisection of the oracle above.
@pytest.mark.parametrize(
    ("rho", "epsilon"), [(1.0524, 7.507), (0.0882, 1.862), (0.01, 0.575), (0.1, 1.9945), (0.5, 4.8866), (2, 10.9972)]
)
def test_the_table_everybody_is_told_holds(rho, epsilon):
    assert spent(rho) == pytest.approx(epsilon, abs=0.0005)


def test_nothing_costs_nothing():
    assert composed_epsilon({}, DELTA) == 0.0
    assert composed_epsilon({SummedGaussian("update", 0.01): 0}, DELTA) == 0.0


@pytest.mark.parametrize(
    "event", [SummedGaussian("update", 0.01), SummedWindow("statistics", 0.05), LocalWindow("evaluation", 0.03)]
)
def test_every_further_event_costs_more_at_each_level(event):
    assert all(np.diff([composed_epsilon({event: count}, DELTA) for count in range(0, 40, 3)]) > 0)


def test_a_larger_rho_costs_more():
    assert all(np.diff([spent(rho) for rho in np.geomspace(1e-6, 20, 60).tolist()]) > 0)


def test_a_smaller_delta_costs_more():
    assert all(np.diff([spent(0.5, delta) for delta in np.geomspace(0.1, 1e-12, 40).tolist()]) > 0)


def test_the_order_of_events_does_not_count():
    events = [(SummedGaussian("update", 0.01 * k), k) for k in range(1, 6)]
    assert composed_epsilon(dict(events), DELTA) == composed_epsilon(dict(events[::-1]), DELTA)


def test_many_sums_are_one_of_all_their_rho():
    events = {SummedGaussian("update", 0.01): 20, SummedGaussian("evaluation", 0.1): 3}
    assert composed_epsilon(events, DELTA) == pytest.approx(spent(0.5), rel=1e-9)


def test_two_levels_are_never_added_up():
    person, window, own = SummedGaussian("update", 0.1), SummedWindow("update", 0.1), LocalWindow("update", 0.1)
    for others, named in (((person, own), "local and user"), ((window, own, person), "event and local and user")):
        with pytest.raises(Misconfigured, match=f"expected one level, got {named}"):
            composed_epsilon(dict.fromkeys(others, 1), DELTA)
    assert composed_epsilon({person: 1, own: 0}, DELTA) == spent(0.1)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-6, math.nan])
def test_an_impossible_delta_is_refused(delta):
    for asked in (lambda: composed_epsilon({}, delta), lambda: epsilon_of_rho(0.1, delta), lambda: rho_for(8.0, delta)):
        with pytest.raises(Misconfigured, match="delta: expected in"):
            asked()


@pytest.mark.parametrize("count", [-1, 0.5, True])
def test_an_impossible_count_is_refused(count):
    with pytest.raises(Misconfigured, match="whole counts"):
        composed_epsilon({SummedGaussian("update", 0.01): count}, DELTA)


@pytest.mark.parametrize("rho", [-0.1, math.inf, math.nan])
def test_an_impossible_rho_is_refused(rho):
    with pytest.raises(Misconfigured, match="rho: expected a number of at least 0"):
        epsilon_of_rho(rho, DELTA)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_epsilon_is_refused(epsilon):
    with pytest.raises(Misconfigured, match="epsilon: expected a number above 0"):
        rho_for(epsilon, DELTA)


@pytest.mark.parametrize(("epsilon", "rho"), [(8.0, 1.1728), (2.0, 0.1005)])
def test_a_promise_has_the_rho_that_was_found_elsewhere(epsilon, rho):
    assert rho_for(epsilon, DELTA) == pytest.approx(rho, abs=5e-5)


@given(st.floats(1e-3, 100), st.floats(1e-12, 1e-2))
def test_rho_stays_within_the_promise_and_hardly_below(epsilon, delta):
    rho = rho_for(epsilon, delta)
    assert epsilon_of_rho(rho, delta) <= epsilon
    assert true_delta(rho, epsilon) <= delta
    assert true_delta(rho * (1 + 1e-6), epsilon) > delta


@pytest.mark.parametrize("rho", [1e-4, 0.01, 0.5, 2.0, 30.0])
def test_rho_is_found_again(rho):
    assert rho_for(epsilon_of_rho(rho, DELTA), DELTA) == pytest.approx(rho, rel=1e-7)


# Whole numbers


def gap_to_a_rounded_gaussian(variance: int, stride: int) -> mpmath.mpf:
    """Total variation distance between a discrete Gaussian and a rounded continuous one of its variance, less 1/12.

    Both are even and smooth on the scale of their deviation, so that one number in `stride` speaks for all. The
    weights of the discrete one sum to their integral but for exp(-2 pi² variance) (Poisson).
    """
    wide, narrow = DIGITS.sqrt(variance), DIGITS.sqrt(variance - DIGITS.mpf(1) / 12)

    def difference(k: int) -> mpmath.mpf:
        rounded = DIGITS.ncdf((k + DIGITS.mpf(0.5)) / narrow) - DIGITS.ncdf((k - DIGITS.mpf(0.5)) / narrow)
        return abs(DIGITS.npdf(k, 0, wide) - rounded)

    right = sum(difference(-k) for k in range(stride, 13 * math.isqrt(variance), stride))  # there ncdf keeps its digits
    return stride * (right + difference(0) / 2)


def test_one_number_in_many_speaks_for_all():
    every, some = (gap_to_a_rounded_gaussian(1600, stride) for stride in (1, 3))
    assert some == pytest.approx(every, rel=1e-3)
    # By hand: the fourth cumulants differ by 1/120, so the densities by He4 / (24 * 120 sigma^4).
    mean = quad(lambda x: abs(x**4 - 6 * x**2 + 3) * norm.pdf(x), -15, 15, limit=500)[0]
    assert float(every) == pytest.approx(mean / 2 / (24 * 120 * 1600**2), rel=1e-3)


@pytest.mark.parametrize(("task", "number"), [("update", 1), ("statistics", 0), ("evaluation", 10)])
def test_whole_numbers_add_less_than_a_billionth_to_delta_at_the_smallest_noise_of_the_shipped_file(task, number):
    """The accounts are of continuous noise that is rounded afterwards; noise is drawn as whole numbers."""
    file, dimension = read_federation(), 60_000
    terms = derive_round_parameters(file, task, number, dimension, bytes(32), bytes(32))
    smallest = terms.configuration.for_cohort(terms.configuration.minimum_cohort)
    variance = smallest.honest_survivors * smallest.variance
    gap = gap_to_a_rounded_gaussian(variance, math.isqrt(variance) // 16)
    added = dimension * gap * (1 + math.exp(file.privacy.user_epsilon))
    assert added < 1e-9
    # and the twelfth that rounding takes off the variance is within what the accountant stays on the safe side by
    rho = rho_for(file.privacy.user_epsilon, file.privacy.user_delta)
    assert true_delta(rho / (1 - 1 / 12 / variance), file.privacy.user_epsilon) <= file.privacy.user_delta


def test_the_example_says_what_the_accountant_says() -> None:
    assert run_examples(composed_epsilon, {})
