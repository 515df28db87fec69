"""The ledger of a device, against Opacus' accountant and the closed form of the Gaussian mechanism."""

from itertools import pairwise

import numpy as np
import pytest
from opacus.accountants import RDPAccountant

from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy import Ledger, SampledGaussian, spent_epsilon

DELTA = 1e-6
STEP = SampledGaussian(0.5, 0.8)


def by_opacus(steps: list[tuple[float, float, int]]) -> float:
    """Epsilon by another library. Its Renyi orders are others, so that it stands a little off."""
    accountant = RDPAccountant()
    accountant.history = [(multiplier, probability, count) for probability, multiplier, count in steps]
    return accountant.get_epsilon(DELTA)


def gaussian_by_hand(multiplier: float, count: int) -> float:
    """Epsilon of Gaussians without sampling: Renyi divergence a n / (2 z^2), converted as Canonne et al. 2020 do."""
    a = np.linspace(1.01, 200, 200_000)
    return float((a * count / (2 * multiplier**2) + np.log1p(-1 / a) - np.log(DELTA * a) / (a - 1)).min())


@pytest.mark.parametrize("steps", [[(0.5, 0.8, 1)], [(0.1, 1.0, 100)], [(0.5, 2.0, 20), (0.25, 1.0, 3)]])
def test_composed_epsilon_is_that_of_opacus(steps):
    spent = spent_epsilon({SampledGaussian(q, z): n for q, z, n in steps}, DELTA)
    assert spent == pytest.approx(by_opacus(steps), rel=0.03)


@pytest.mark.parametrize(("multiplier", "count"), [(1.0, 1), (4.0, 10), (20.0, 300)])
def test_without_sampling_epsilon_is_the_closed_form(multiplier, count):
    spent = spent_epsilon({SampledGaussian(1.0, multiplier): count}, DELTA)
    assert spent >= gaussian_by_hand(multiplier, count) - 1e-6
    assert spent == pytest.approx(gaussian_by_hand(multiplier, count), rel=0.01)


def test_charges_are_carried_and_never_start_again():
    ledger, spent = Ledger(1e9, DELTA), [0.0]
    for _ in range(5):
        ledger.charge(STEP)
        ledger = Ledger.from_json(1e9, DELTA, ledger.to_json())
        spent.append(ledger.epsilon())
    assert all(later > earlier for earlier, later in pairwise(spent))
    assert spent[5] == spent_epsilon({STEP: 5}, DELTA)
    assert spent[5] == pytest.approx(by_opacus([(0.5, 0.8, 5)]), rel=0.02)


def test_a_refused_charge_leaves_the_ledger_as_it_was():
    budget = spent_epsilon({STEP: 3}, DELTA)
    ledger = Ledger(budget, DELTA)
    for _ in range(3):
        ledger.charge(STEP)
    before = ledger.to_json()
    for _ in range(3):
        with pytest.raises(Refused, match="would exceed"):
            ledger.charge(STEP)
    assert ledger.to_json() == before
    assert dict(ledger.charged) == {STEP: 3}
    assert ledger.epsilon() == budget


def test_what_one_event_has_spent_counts_against_another():
    ledger = Ledger(spent_epsilon({STEP: 3}, DELTA), DELTA)
    other = SampledGaussian(0.25, 0.8)
    for _ in range(3):
        ledger.charge(STEP)
    with pytest.raises(Refused):
        ledger.charge(other)
    ledger = Ledger(1e9, DELTA)
    ledger.charge(STEP)
    ledger.charge(other)
    assert ledger.epsilon() > max(spent_epsilon({STEP: 1}, DELTA), spent_epsilon({other: 1}, DELTA))


def test_nobody_can_refund_through_the_view_of_the_charges():
    ledger = Ledger(1e9, DELTA)
    ledger.charge(STEP)
    with pytest.raises(TypeError):
        ledger.charged[STEP] = 0


def test_an_empty_ledger_has_spent_nothing():
    assert Ledger(1.0, DELTA).epsilon() == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "{}",
        "5",
        "[[0.5, 1.0]]",
        "[[2.0, 1.0, 1]]",
        "[[0.5, -1.0, 1]]",
        '[["q", 1.0, 1]]',
        "[[0.5, 1.0, -3]]",
        "[[0.5, 1.0, 0]]",
        "[[0.5, 1.0, 1.5]]",
        "[[0.5, 1.0, true]]",
        "[[0.5, 1.0, 7], [0.5, 1.0, 1]]",
    ],
)
def test_a_text_that_is_no_ledger_is_corrupt_and_never_an_empty_one(text):
    with pytest.raises(Corrupt, match="ledger: expected a list"):
        Ledger.from_json(8.0, DELTA, text)


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.1, 1.0), (0.5, 0.0), (float("nan"), 1.0), (0.5, float("nan"))])
def test_an_impossible_event_is_refused(values):
    with pytest.raises(Misconfigured, match="expected"):
        SampledGaussian(*values)


def test_a_ledger_prints_how_many_charges_it_holds_and_no_more():
    ledger = Ledger(8.0, DELTA)
    ledger.charge(SampledGaussian(0.125, 7.25))
    assert repr(ledger) == "Ledger(1 charges)"
