"""Calibration: a promise turned into noise, against figures computed by hand and by another library."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from shared.errors import Misconfigured
from shared.privacy import Cohort, allot, people_share, plan_budget
from tests.support.docstrings import run_examples

DELTA = 1e-6


def gaussian_by_hand(rho: float) -> float:
    """Epsilon by bisection of the Gaussian's privacy profile (Balle, Wang 2018), in logarithms."""
    mu = math.sqrt(2 * rho)

    def excess(epsilon: float) -> float:
        log_first, log_second = norm.logcdf(mu / 2 - epsilon / mu), epsilon + norm.logcdf(-mu / 2 - epsilon / mu)
        return log_first + math.log(-math.expm1(log_second - log_first)) - math.log(DELTA)

    return float(brentq(excess, 1e-9, 10 + rho + 12 * mu, xtol=1e-13))


def test_tasks_get_their_shares_in_steps_a_message_can_carry():
    shares, times = (
        {"update": 0.8, "statistics": 0.15, "evaluation": 0.05},
        {"update": 60, "statistics": 1, "evaluation": 7},
    )
    rho = allot(1.0, shares, times)
    assert {task: value * times[task] for task, value in rho.items()} == pytest.approx(shares, abs=1e-9)
    assert all(value * 2**40 == int(value * 2**40) for value in rho.values())
    assert sum(value * times[task] for task, value in rho.items()) <= 1.0


def test_a_task_nobody_asks_for_gets_nothing():
    assert allot(1.0, {"update": 1.0}, {"update": 4}) == {"update": 0.25}


def test_a_task_without_a_share_cannot_be_asked_for():
    with pytest.raises(Misconfigured, match=r"task 'statistics': expected a share .* raise the share or lower"):
        allot(1.0, {"update": 1.0}, {"update": 4, "statistics": 1})
    with pytest.raises(Misconfigured, match="task 'update'"):
        allot(1e-9, {"update": 1.0}, {"update": 100_000})


# Figures of FEDREC-SA/1: u_min = n - n * dropout, h_min = u_min - n * corrupt, whole numbers.
@pytest.mark.parametrize(
    ("cohort", "survivors", "honest"),
    [
        (Cohort(1000, 0.1, 0.1), 900, 800),
        (Cohort(5, 0.1, 0.2, minimum=3), 4, 4),
        (Cohort(100, 0.2, 0.3, minimum=90), 90, 70),
        (Cohort(999, 0.05, 0.05), 950, 901),
    ],
)
def test_noise_counts_on_honest_survivors_alone(cohort, survivors, honest):
    assert (cohort.survivors, cohort.honest_survivors) == (survivors, honest)


@pytest.mark.parametrize(
    "values", [(1, 0.1, 0.1), (10, 0.5, 0.1), (10, 0.1, -0.1), (10, 0.1, 0.1, 11), (10, 0.1, 0.1, 1), (3, 0.4, 0.4)]
)
def test_an_impossible_cohort_is_refused(values):
    with pytest.raises(Misconfigured, match="cohort: expected"):
        Cohort(*values)


# Noise of the mean over the clipping norm at rho 0.05 and a tenth of corrupt and of silent devices, as published.
@pytest.mark.parametrize(
    ("devices", "dimension", "noise"), [(1000, 300_000, 1.9), (1000, 50_000, 0.8), (100, 300_000, 19)]
)
def test_noise_is_what_was_published(devices, dimension, noise):
    epsilon = gaussian_by_hand(0.05 + 1e-9)
    planned = plan_budget(
        epsilon=epsilon,
        delta=DELTA,
        cohort=Cohort(devices, 0.1, 0.1),
        participations={"update": 1},
        dimension=dimension,
    )
    assert planned.rho["update"] == pytest.approx(0.05, rel=1e-6)
    assert planned.noise_norm == pytest.approx(noise, rel=0.03)


def test_a_plan_holds_together():
    planned = plan_budget(
        epsilon=8.0,
        delta=DELTA,
        cohort=Cohort(1000, 0.1, 0.1),
        participations={"update": 60, "statistics": 1, "evaluation": 5},
        shares={"update": 0.9, "statistics": 0.05, "evaluation": 0.05},
        dimension=50_000,
        noise_over_signal=0.5,
    )
    assert gaussian_by_hand(planned.rho_total) == pytest.approx(8.0, rel=1e-7)
    spent = 60 * planned.rho["update"] + planned.rho["statistics"] + 5 * planned.rho["evaluation"]
    assert spent == pytest.approx(planned.rho_total, rel=1e-9)
    assert spent <= planned.rho_total
    assert planned.honest_survivors == 800
    # By hand: 1000 shares, of which 800 have a variance of 1 / (2 rho) together, over 1000.
    assert planned.noise_per_coordinate == pytest.approx(math.sqrt(1000 / 800 / (2 * planned.rho["update"])) / 1000)
    assert planned.noise_norm == pytest.approx(planned.noise_per_coordinate * math.sqrt(50_000))
    edge = planned.largest_dimension
    assert planned.noise_per_coordinate * math.sqrt(edge) <= 0.5 < planned.noise_per_coordinate * math.sqrt(edge + 1)


def test_noise_is_as_long_as_told():
    planned = plan_budget(
        epsilon=4.0, delta=DELTA, cohort=Cohort(50, 0.1, 0.1), participations={"update": 3}, dimension=20_000
    )
    generator = np.random.default_rng(0)
    shares = math.sqrt(1 / (2 * planned.rho["update"] * planned.honest_survivors))
    mean = sum(generator.normal(0, shares, 20_000) for _ in range(50)) / 50
    assert np.linalg.norm(mean) == pytest.approx(planned.noise_norm, rel=0.02)


@pytest.mark.parametrize("wrong", [{"dimension": 0}, {"noise_over_signal": 0.0}, {"participations": {"update": 0}}])
def test_an_impossible_plan_is_refused(wrong):
    possible = {"cohort": Cohort(10, 0.1, 0.1), "participations": {"update": 1}, "dimension": 9}
    with pytest.raises(Misconfigured, match="plan: expected"):
        plan_budget(epsilon=8.0, delta=DELTA, **(possible | wrong))


@pytest.mark.parametrize("times", [-1, 1.0, True])
def test_impossible_participations_are_refused(times):
    with pytest.raises(Misconfigured, match="participations: expected whole numbers"):
        allot(1.0, {"update": 1.0}, {"update": times})


def test_the_example_of_the_share_of_people_gives_what_it_says():
    assert run_examples(people_share, {})
