"""The ledger of a device at both levels, in memory and in its file: one suite for both."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants import RDPAccountant
from scipy.optimize import brentq
from scipy.stats import norm

from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy import (
    LEVELS,
    Ledger,
    LedgerBudget,
    LedgerFile,
    LocalWindow,
    SummedGaussian,
    SummedWindow,
    composed_epsilon,
    rho_for,
)
from shared.tasks import TASKS

DELTA = 1e-6
STEP = LocalWindow("update", 0.4)
WINDOW = SummedWindow("update", 0.01)
UPDATE = SummedGaussian("update", 0.125)
COUNT = SummedGaussian("statistics", 0.25)
WIDE = LedgerBudget(1e9, DELTA, 1e9, DELTA, local_epsilon=1e9)


def by_opacus(rho: float, count: int) -> float:
    """Epsilon by another library, whose moments stand a little above the truth."""
    accountant = RDPAccountant()
    accountant.history = [((2 * rho) ** -0.5, 1.0, count)]
    return accountant.get_epsilon(DELTA)


def gaussian_by_hand(rho: float) -> float:
    """Epsilon of a Gaussian mechanism: where its privacy profile (Balle, Wang 2018) meets delta."""
    mu = (2 * rho) ** 0.5

    def excess(epsilon: float) -> float:
        return norm.cdf(mu / 2 - epsilon / mu) - np.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu) - DELTA

    return float(brentq(excess, 0, 50))


class InMemory:
    """A ledger that goes through its text after every charge."""

    def __init__(self, budget: LedgerBudget, path: Path) -> None:
        self.ledger = Ledger(budget)

    def charge(self, *events):
        self.ledger.charge(*events)
        self.ledger = Ledger.from_json(self.ledger.budget, self.ledger.to_json())

    def epsilon(self, level):
        return self.ledger.epsilon(level)

    def content(self):
        return dict(self.ledger.charged)


class InFile:
    """A ledger whose file is closed and opened again after every charge."""

    def __init__(self, budget: LedgerBudget, path: Path) -> None:
        self.budget, self.path = budget, path / "ledger"

    def charge(self, *events):
        with LedgerFile(self.path, self.budget) as ledger:
            ledger.charge(*events, round_number=7)

    def epsilon(self, level):
        with LedgerFile(self.path, self.budget) as ledger:
            return ledger.epsilon(level)

    def content(self):
        counts = {}
        with LedgerFile(self.path, self.budget) as ledger:
            for charge in ledger.charges:
                counts[charge.event] = counts.get(charge.event, 0) + 1
        return counts


@pytest.fixture(params=[InMemory, InFile])
def start(request, tmp_path):
    """Starts an empty ledger with a budget."""
    return lambda budget: request.param(budget, tmp_path)


@pytest.mark.parametrize("kind", [SummedGaussian, SummedWindow, LocalWindow])
@pytest.mark.parametrize(("rho", "count"), [(0.4, 1), (0.1, 20), (0.02, 30)])
def test_composed_epsilon_is_just_below_what_opacus_says_at_each_level(kind, rho, count):
    ledger = Ledger(WIDE, {kind("update", rho): count})
    assert 0.9 * by_opacus(rho, count) <= ledger.epsilon(kind.level) <= by_opacus(rho, count)


@pytest.mark.parametrize(("rho", "count"), [(0.5, 1), (0.03, 10), (0.001, 300)])
def test_sums_cost_what_the_closed_form_says(rho, count):
    ledger = Ledger(WIDE, {SummedGaussian("update", rho): count})
    assert ledger.epsilon("user") == pytest.approx(gaussian_by_hand(rho * count), rel=1e-6)


def test_an_empty_ledger_has_spent_nothing(start):
    assert [start(WIDE).epsilon(level) for level in LEVELS] == [0.0, 0.0, 0.0]


def test_charges_are_carried_and_never_start_again(start):
    ledger, spent = start(WIDE), [(0.0, 0.0, 0.0)]
    for _ in range(5):
        ledger.charge(STEP, WINDOW, UPDATE)
        spent.append(tuple(ledger.epsilon(level) for level in LEVELS))
    assert all(
        after > before for earlier, later in pairwise(spent) for before, after in zip(earlier, later, strict=True)
    )
    assert spent[5] == tuple(composed_epsilon({event: 5}, DELTA) for event in (UPDATE, WINDOW, STEP))
    assert spent[5] == pytest.approx([gaussian_by_hand(5 * event.rho) for event in (UPDATE, WINDOW, STEP)], rel=1e-6)
    assert ledger.content() == {STEP: 5, WINDOW: 5, UPDATE: 5}


def test_a_refused_charge_leaves_the_ledger_as_it_was(start):
    ledger = start(LedgerBudget(local_epsilon=composed_epsilon({STEP: 3}, DELTA)))
    for _ in range(3):
        ledger.charge(STEP)
    for _ in range(3):
        with pytest.raises(Refused, match=r"local-level budget: epsilon .* would exceed"):
            ledger.charge(STEP)
    assert ledger.content() == {STEP: 3}
    assert ledger.epsilon("local") == composed_epsilon({STEP: 3}, DELTA)


def test_the_user_level_has_a_budget_of_its_own(start):
    ledger = start(LedgerBudget(composed_epsilon({UPDATE: 2}, DELTA), local_epsilon=1e9))
    ledger.charge(UPDATE)
    ledger.charge(UPDATE)
    with pytest.raises(Refused, match=r"user-level budget: epsilon .* at delta 1e-06 would exceed"):
        ledger.charge(UPDATE)
    ledger.charge(STEP)
    assert ledger.content() == {UPDATE: 2, STEP: 1}


def test_of_two_events_one_refused_means_neither_charged(start):
    ledger = start(LedgerBudget(user_epsilon=8.0, local_epsilon=composed_epsilon({STEP: 1}, DELTA)))
    ledger.charge(UPDATE, STEP)
    with pytest.raises(Refused, match="local-level"):
        ledger.charge(UPDATE, STEP)
    assert ledger.content() == {UPDATE: 1, STEP: 1}


def test_a_level_without_a_promise_takes_no_charge(start):
    ledger = start(LedgerBudget(local_epsilon=8.0))
    with pytest.raises(Refused, match=r"user-level .* would exceed 0"):
        ledger.charge(SummedGaussian("update", 1e-12))
    ledger.charge(STEP)


def test_what_one_event_has_spent_counts_against_another(start):
    ledger = start(LedgerBudget(local_epsilon=composed_epsilon({STEP: 3}, DELTA)))
    other = LocalWindow("evaluation", 0.3)
    for _ in range(3):
        ledger.charge(STEP)
    with pytest.raises(Refused):
        ledger.charge(other)
    mixed = Ledger(WIDE, {STEP: 1, other: 1})
    assert mixed.epsilon("local") == pytest.approx(gaussian_by_hand(0.4 + 0.3), rel=1e-6)


def test_what_one_task_has_spent_counts_against_another(start):
    ledger = start(LedgerBudget(composed_epsilon({COUNT: 1}, DELTA)))
    ledger.charge(UPDATE)
    with pytest.raises(Refused, match="user-level budget: epsilon"):
        ledger.charge(COUNT)


def test_a_task_stays_within_its_share(start):
    epsilon = composed_epsilon({SummedGaussian("update", 1.001): 1}, DELTA)
    ledger = start(LedgerBudget(epsilon, shares={"update": 0.75, "statistics": 0.25}))
    for _ in range(6):
        ledger.charge(UPDATE)
    with pytest.raises(Refused, match=r"task 'update': rho 0.875 would exceed its share 0.75 of 1\b"):
        ledger.charge(UPDATE)
    ledger.charge(COUNT)
    with pytest.raises(Refused, match="task 'evaluation'"):
        ledger.charge(SummedGaussian("evaluation", 1e-6))
    assert ledger.content() == {UPDATE: 6, COUNT: 1}


def test_a_share_that_was_made_smaller_than_what_its_task_has_spent_holds_up_no_other_task(start):
    epsilon = composed_epsilon({SummedGaussian("update", 1.001): 1}, DELTA)
    ledger = start(LedgerBudget(epsilon, shares={"update": 0.75, "statistics": 0.25}))
    ledger.charge(COUNT)
    spent = dict(ledger.content())
    later = Ledger(LedgerBudget(epsilon, shares={"update": 0.9, "statistics": 0.1}), spent)
    later.charge(UPDATE)
    with pytest.raises(Refused, match="task 'statistics'"):
        later.charge(COUNT)
    with pytest.raises(Refused, match="user-level budget: epsilon"):  # all tasks together keep to the whole
        Ledger(LedgerBudget(composed_epsilon(spent, DELTA), shares={"update": 1.0}), spent).charge(UPDATE)


@settings(max_examples=50)
@given(st.floats(0.1, 20), st.integers(1, 500))
def test_the_planned_participations_fit_and_one_more_does_not(epsilon, times):
    step = SummedGaussian("update", np.floor(rho_for(epsilon, DELTA) / times * 2**40) / 2**40)
    ledger = Ledger(LedgerBudget(epsilon, shares={"update": 1.0}), {step: times - 1} if times > 1 else {})
    ledger.charge(step)
    with pytest.raises(Refused):
        ledger.charge(step)


def test_looking_ahead_changes_nothing():
    ledger = Ledger(WIDE)
    later = ledger.after(STEP, UPDATE)
    assert (dict(ledger.charged), dict(later.charged)) == ({}, {STEP: 1, UPDATE: 1})


def test_nobody_can_refund_through_the_view_of_the_charges():
    ledger = Ledger(WIDE)
    ledger.charge(STEP)
    with pytest.raises(TypeError):
        ledger.charged[STEP] = 0


def test_a_ledger_over_a_lowered_budget_is_read_and_takes_no_more():
    text = Ledger(WIDE, {STEP: 50}).to_json()
    ledger = Ledger.from_json(LedgerBudget(local_epsilon=1.0), text)
    assert ledger.epsilon("local") > 1.0
    with pytest.raises(Refused):
        ledger.charge(STEP)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "{}",
        "5",
        '["user"]',
        "[[]]",
        "[" * 100_000,
        "[[0.5, 1.0, 3]]",
        '[["local", "update", 0.5]]',
        '[["local", "update", 0.5, 1.0, 1]]',  # as it was said while local noise was floating-point
        '[["local", "update", -1.0, 1]]',
        '[["local", "update", "q", 1]]',
        '[["local", "update", 0.5, -3]]',
        '[["local", "update", 0.5, 0]]',
        '[["local", "update", 0.5, 1.5]]',
        '[["local", "update", 0.5, true]]',
        '[["local", "update", 0.5, 7], ["local", "update", 0.5, 1]]',
        '[["user", "gossip", 0.5, 1]]',
        '[["user", "update", 0.0, 1]]',
    ],
)
def test_a_text_that_is_no_ledger_is_corrupt_and_never_an_empty_one(text):
    with pytest.raises(Corrupt, match="ledger: expected a list"):
        Ledger.from_json(WIDE, text)


@pytest.mark.parametrize("values", [(-1.0, 1e-6), (float("nan"), 1e-6), (8.0, 0.0), (8.0, 1.0)])
def test_an_impossible_budget_is_refused(values):
    with pytest.raises(Misconfigured, match="user-level budget: expected"):
        LedgerBudget(*values)
    with pytest.raises(Misconfigured, match="event-level budget: expected"):
        LedgerBudget(8.0, 1e-6, *values)


@pytest.mark.parametrize("shares", [(0.8, 0.3), (1.1,), (-0.1, 0.5), (float("nan"),)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(Misconfigured, match="task shares: expected"):
        LedgerBudget(8.0, shares=dict(zip(TASKS, shares, strict=False)))


def test_a_ledger_prints_how_many_charges_it_holds_and_no_more():
    ledger = Ledger(WIDE)
    ledger.charge(LocalWindow("update", 0.125))
    assert repr(ledger) == "Ledger(1 charges)"
