"""The planner: figures that agree with the closed form, and what it refuses."""

import math

import pytest
from scipy.stats import norm

from shared.errors import Misconfigured
from shared.privacy import rho_for
from simulations.planner import plan_table


def test_the_table_agrees_with_the_closed_form() -> None:
    settings = ["privacy.shares.statistics=0.3", "privacy.shares.evaluation=0.1", "round.minimum_answers=50"]
    record = plan_table(20_000, epsilon=8.0, settings=settings, clients_per_round=1000, rounds=50)
    (row,) = record["rows"]
    assert record["answers a device"] == 3  # 50,000 answers from 20,000 devices
    rho = 0.6 * rho_for(8.0, 1e-6) / 3
    # by hand: 1,000 devices, 100 may drop out and 100 collude, so 800 honest shares are sure
    noise = 1 / math.sqrt(2 * rho * 800 * 1000)
    assert row["rho of an update"] == pytest.approx(rho, rel=1e-6)
    assert row["noise of a coordinate / C"] == pytest.approx(noise, rel=1e-6)
    assert row["noise of the mean / C"] == pytest.approx(noise * math.sqrt(record["dimension"]), rel=1e-6)
    assert row["largest dimension"] == pytest.approx(1 / noise**2, abs=1)
    # with one honest share of noise instead of 800 rho is 800 times as large; the Gaussian's profile (Balle, Wang 2018)
    mu, alone = math.sqrt(2 * 800 * rho_for(8.0, 1e-6)), row["epsilon with nobody else's noise"]
    first, second = norm.logcdf(mu / 2 - alone / mu), alone + norm.logcdf(-mu / 2 - alone / mu)
    assert first + math.log(-math.expm1(second - first)) == pytest.approx(math.log(1e-6), abs=1e-3)


def test_a_stricter_promise_has_more_noise_and_room_for_less() -> None:
    rows = plan_table(10_000)["rows"]
    epsilons, noises, largest, alone = (
        [row[name] for row in rows]
        for name in (
            "epsilon",
            "noise of a coordinate / C",
            "largest dimension",
            "epsilon with nobody else's noise",
        )
    )
    assert epsilons == sorted(epsilons)
    assert noises == sorted(noises, reverse=True)
    assert largest == sorted(largest)
    assert alone == sorted(alone)
    assert all(with_others < without for with_others, without in zip(epsilons, alone, strict=True))


def test_a_round_cannot_ask_more_devices_than_there_are() -> None:
    with pytest.raises(Misconfigured, match="population of at least"):
        plan_table(50, clients_per_round=100)
