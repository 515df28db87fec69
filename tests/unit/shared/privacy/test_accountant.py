"""One suite that every accountant passes, against the Gaussian's true privacy profile, and what each adds to it."""

import math

import numpy as np
import pytest
from opacus.accountants import RDPAccountant
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from shared.errors import Misconfigured
from shared.privacy import ConcentratedAccountant, RenyiAccountant, SampledGaussian, SummedGaussian, spent_epsilon

DELTA = 1e-6


def true_delta(rho: float, epsilon: float) -> float:
    """Privacy profile of the Gaussian mechanism of this rho (Balle, Wang 2018, Theorem 8)."""
    mu = math.sqrt(2 * rho)
    return norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)


def true_epsilon(rho: float, delta: float) -> float:
    """The least epsilon the Gaussian mechanism has: no sound accountant can be below."""
    return brentq(lambda epsilon: true_delta(rho, epsilon) - delta, 0, 200) if true_delta(rho, 0) > delta else 0.0


@pytest.mark.parametrize(("rho", "epsilon"), [(0.01, 0.3), (0.5, 1.0), (0.5, 3.0), (2.0, 5.0)])
def test_the_oracle_is_the_integral_of_where_one_density_exceeds_the_other(rho, epsilon):
    mu = math.sqrt(2 * rho)

    def excess(x: float) -> float:
        return max(0.0, norm.pdf(x, mu) - math.exp(epsilon) * norm.pdf(x, 0))

    crossing = epsilon / mu + mu / 2
    integral = quad(excess, crossing, crossing + 20 * max(1, mu), epsabs=1e-14, limit=500)[0]
    assert true_delta(rho, epsilon) == pytest.approx(integral, rel=1e-6)


class AccountantContract:
    """What every accountant keeps. A subclass says which one it is, and how far above the truth it may stand."""

    accountant: ConcentratedAccountant | RenyiAccountant
    events = (SummedGaussian("update", 0.01), SummedGaussian("statistics", 0.05), SampledGaussian(1.0, 4.0))

    def of(self, rho: float, delta: float = DELTA, count: int = 1) -> float:
        return self.accountant.epsilon({SummedGaussian("update", rho): count}, delta)

    def test_nothing_costs_nothing(self):
        assert self.accountant.epsilon({}, DELTA) == 0.0
        assert self.accountant.epsilon({self.events[0]: 0}, DELTA) == 0.0

    @pytest.mark.parametrize("event", events)
    def test_every_further_event_costs_more(self, event):
        spent = [self.accountant.epsilon({event: count}, DELTA) for count in range(0, 40, 3)]
        assert all(np.diff(spent) > 0)

    def test_a_larger_rho_costs_more(self):
        assert all(np.diff([self.of(rho) for rho in np.geomspace(1e-6, 20, 200)]) > 0)

    def test_a_smaller_delta_costs_more(self):
        assert all(np.diff([self.of(0.5, delta) for delta in np.geomspace(0.1, 1e-12, 60)]) > 0)

    def test_the_order_of_events_does_not_count(self):
        events = [(SummedGaussian("update", 0.01 * k), k) for k in range(1, 6)]
        assert self.accountant.epsilon(dict(events), DELTA) == self.accountant.epsilon(dict(events[::-1]), DELTA)

    def test_many_sums_are_one_of_all_their_rho(self):
        events = {SummedGaussian("update", 0.01): 20, SummedGaussian("evaluation", 0.1): 3}
        assert self.accountant.epsilon(events, DELTA) == pytest.approx(self.of(0.5), rel=1e-9)

    # Moments are looser than the profile itself, the more so the larger delta is: 6 % at 1e-9, 19 % at 1e-4.
    @pytest.mark.parametrize(("delta", "slack"), [(1e-4, 1.19), (1e-6, 1.1), (1e-9, 1.065)])
    @pytest.mark.parametrize("rho", [1e-4, 1e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 8.0])
    def test_it_stands_above_the_truth_and_not_far(self, rho, delta, slack):
        assert true_epsilon(rho, delta) <= self.of(rho, delta) <= slack * true_epsilon(rho, delta)

    @pytest.mark.parametrize(
        ("rho", "epsilon"), [(0.01, 0.62), (0.05, 1.47), (0.1, 2.14), (0.25, 3.54), (0.5, 5.22), (1, 7.77), (2, 11.69)]
    )
    def test_the_table_everybody_is_told_holds(self, rho, epsilon):
        assert self.of(rho) == pytest.approx(epsilon, abs=0.0051)

    def test_two_levels_are_never_added_up(self):
        with pytest.raises(Misconfigured, match="expected one level, got local and user"):
            self.accountant.epsilon({SummedGaussian("update", 0.1): 1, SampledGaussian(1.0, 2.0): 1}, DELTA)

    @pytest.mark.parametrize("delta", [0.0, 1.0, -1e-6, math.nan])
    def test_an_impossible_delta_is_refused(self, delta):
        with pytest.raises(Misconfigured, match="delta: expected in"):
            self.accountant.epsilon({}, delta)

    @pytest.mark.parametrize("count", [-1, 0.5, True])
    def test_an_impossible_count_is_refused(self, count):
        with pytest.raises(Misconfigured, match="whole counts"):
            self.accountant.epsilon({self.events[0]: count}, DELTA)


class TestConcentrated(AccountantContract):
    accountant = ConcentratedAccountant()

    @pytest.mark.parametrize("delta", [1e-2, 1e-6, 1e-10])
    @pytest.mark.parametrize("rho", [1e-6, 0.01, 0.5, 3.0, 30.0])
    def test_the_conversion_is_the_least_over_all_orders(self, rho, delta):
        a = 1 + np.geomspace(1e-4, 1e6, 400_000)
        least = (rho * a + np.log1p(-1 / a) - np.log(delta * a) / (a - 1)).min()
        assert self.of(rho, delta) == pytest.approx(max(0.0, least), rel=1e-7, abs=1e-12)

    def test_sampling_is_refused_and_not_ignored(self):
        with pytest.raises(Misconfigured, match="use Renyi accounting"):
            self.accountant.epsilon({SampledGaussian(0.5, 1.0): 1}, DELTA)

    def test_a_gaussian_without_sampling_has_the_rho_of_its_noise(self):
        assert self.accountant.epsilon({SampledGaussian(1.0, 2.0): 4}, DELTA) == pytest.approx(self.of(0.5))


class TestRenyi(AccountantContract):
    accountant = RenyiAccountant()

    @pytest.mark.parametrize("rho", [1e-4, 0.01, 0.1, 1.0, 8.0])
    def test_its_orders_lose_next_to_nothing(self, rho):
        exact = ConcentratedAccountant().epsilon({SummedGaussian("update", rho): 1}, DELTA)
        assert exact - 1e-9 <= self.of(rho) <= 1.002 * exact

    @pytest.mark.parametrize("steps", [[(0.5, 0.8, 1)], [(0.1, 1.0, 100)], [(0.5, 2.0, 20), (0.25, 1.0, 3)]])
    def test_sampled_steps_cost_what_opacus_says(self, steps):
        opacus = RDPAccountant()  # its Renyi orders are others, so that it stands a little off
        opacus.history = [(multiplier, probability, count) for probability, multiplier, count in steps]
        spent = self.accountant.epsilon({SampledGaussian(q, z): n for q, z, n in steps}, DELTA)
        assert spent == pytest.approx(opacus.get_epsilon(DELTA), rel=0.03)

    def test_sampling_costs_less(self):
        sampled, whole = (self.accountant.epsilon({SampledGaussian(q, 1.0): 10}, DELTA) for q in (0.1, 1.0))
        assert sampled < whole / 2

    def test_it_is_what_the_ledger_says_has_been_spent(self):
        events = {SampledGaussian(0.5, 0.8): 5}
        assert spent_epsilon(events, DELTA) == self.accountant.epsilon(events, DELTA)
