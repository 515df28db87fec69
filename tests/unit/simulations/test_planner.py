"""The planner: figures that agree with the closed form, and what it refuses."""

import math

import pytest
from scipy.stats import binom

from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.privacy import epsilon_of_rho, rho_for
from shared.recipe import Facts, people_for_pairs
from simulations.planner import plan_table


def test_the_table_agrees_with_the_closed_form() -> None:
    settings = ["privacy.shares.statistics=0.3", "privacy.shares.evaluation=0.1", "round.minimum_answers=50"]
    record = plan_table(Facts(20_000, 10_000), epsilon=8.0, settings=settings, clients_per_round=1000, rounds=50)
    (row,) = record["rows"]
    assert record["answers a device"] == 3  # 50,000 answers from 20,000 devices
    rho = 0.6 * rho_for(8.0, 1e-6) / 3
    # by hand: 1,000 devices, 100 may drop out and 100 collude, so 800 honest shares are sure
    noise = 1 / math.sqrt(2 * rho * 800 * 1000)
    assert row["rho of an update"] == pytest.approx(rho, rel=1e-6)
    assert row["noise of a coordinate / C"] == pytest.approx(noise, rel=1e-6)
    assert row["noise of the mean / C"] == pytest.approx(noise * math.sqrt(row["dimension"]), rel=1e-6)
    assert row["largest dimension"] == pytest.approx(1 / noise**2, abs=1)
    # nobody else's noise: updates of 1,000, one count of 4,096 (3,278 sure shares), evaluations of 250 (200)
    shares = 0.6 * 800 + 0.3 * 3278 + 0.1 * 200
    alone = epsilon_of_rho(shares * rho_for(8.0, 1e-6), 1e-6)
    assert row["epsilon with nobody else's noise"] == pytest.approx(alone, rel=1e-6)
    drawn = row["people that may collude, drawn at random"]
    assert binom.sf(100, 1000, drawn) == pytest.approx(2.0**-40, rel=1e-6)


def test_pairs_stand_out_from_as_many_people_on_as_by_hand() -> None:
    settings = ["privacy.shares.statistics=0.3", "statistics.items_per_device=8"]
    (row,) = plan_table(Facts(20_000, 300, 10), epsilon=8.0, settings=settings)["rows"]
    # Of 4,096 members 3,278 honest ones surely stay, 28 pairs beside eight items, a cell for each of the 44,850 pairs.
    noise = 6 / math.sqrt(2 * 0.3 * rho_for(8.0, 1e-6)) * math.sqrt(4096 / 3278)
    people = row["people from whom on pairs of items stand out"]
    assert people == pytest.approx((5 * noise * 10 * 300 / 8) ** 2 / 4096, rel=1e-3)
    assert people * 8 / 300 / 10 == pytest.approx(5 * noise * math.sqrt(people / 4096), rel=1e-3)


def test_more_pairs_of_more_items_need_more_people_and_none_do_without_a_budget() -> None:
    needed = [people_for_pairs(read_federation(), items, 32) for items in (300, 2896, 2897, 100_000)]
    assert needed == sorted(needed)
    assert needed[2] > 7 * needed[1]  # cells are shared from here on
    none = read_federation(settings=["privacy.shares.statistics=0.0"])
    assert people_for_pairs(none, 300, 32) is None


def test_a_stricter_promise_leaves_room_for_less() -> None:
    rows = plan_table(Facts(10_000, 10_000))["rows"]
    epsilons, dimensions = ([row[name] for row in rows] for name in ("epsilon", "dimension"))
    assert epsilons == sorted(epsilons)
    assert dimensions == sorted(dimensions)
    assert dimensions[0] < dimensions[-1]
    fixed = ["training.rounds=40", "training.groups=['scales']", "privacy.shares.statistics=0.1"]
    rows = plan_table(Facts(10_000, 10_000), settings=fixed)["rows"]
    noises = [row["noise of a coordinate / C"] for row in rows]
    assert noises == sorted(noises, reverse=True)


def test_a_round_cannot_ask_more_devices_than_there_are() -> None:
    with pytest.raises(Misconfigured, match="population of at least"):
        plan_table(Facts(50, 10_000), clients_per_round=100)
