"""A budget for any so many days in a row beside one for life: no clock makes more of either than there is."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Misconfigured, Refused
from shared.privacy import (
    Ledger,
    LedgerBudget,
    LedgerFile,
    SummedGaussian,
    SummedWindow,
    check_spending,
    composed_epsilon,
    day_of,
    rho_for,
)

DELTA = 1e-6
UPDATE = SummedGaussian("update", rho_for(8.0, DELTA) / 3 * 0.999)  # three answers in a period
WINDOW = SummedWindow("update", UPDATE.rho / 4)
BUDGET = LedgerBudget(30.0, DELTA, 16.0, DELTA, period_days=10, period_user_epsilon=8.0, period_event_epsilon=4.0)


def answers(days, budget=BUDGET, events=(UPDATE,)):
    """The days on which answers were charged, of those on which they were asked for."""
    charged = []
    for asked in days:
        day = max(asked, charged[-1][0] if charged else 0)
        try:
            check_spending(budget, charged, events, day)
        except Refused:
            continue
        charged += [(day, event) for event in events]
    return [day for day, event in charged if event == events[0]]


def test_a_period_that_is_spent_ends_nothing_for_ever():
    assert answers([0, 1, 2, 3, 9, 10, 10, 11, 12, 13]) == [0, 1, 2, 10, 11, 12]


def test_a_life_that_is_spent_ends_everything():
    times = 30
    assert len(answers(range(0, 20 * times, 4), LedgerBudget(8.0, DELTA, period_days=1, period_user_epsilon=8.0))) == 3


def test_the_refusal_says_which_of_the_two_is_spent():
    with pytest.raises(Refused, match=r"in 10 days in a row: user-level budget") as refused:
        check_spending(BUDGET, [(0, UPDATE)] * 3, (UPDATE,), 9)
    assert refused.value.code == "period-spent"
    with pytest.raises(Refused, match=r"^user-level budget") as refused:
        check_spending(BUDGET, [(0, UPDATE)] * 40, (UPDATE,), 99)
    assert refused.value.code == "budget-spent"


def test_windows_have_a_period_of_their_own():
    by_window = LedgerBudget(1e6, DELTA, 1e6, DELTA, period_days=10, period_user_epsilon=1e6, period_event_epsilon=4.0)
    room = composed_epsilon({WINDOW: 2}, DELTA)
    assert room <= 4.0 < composed_epsilon({WINDOW: 5}, DELTA)
    days = answers([0] * 6 + [10], by_window, (UPDATE, WINDOW))
    assert 2 <= len([day for day in days if day == 0]) < 6
    assert days[-1] == 10


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 12))
@settings(deadline=None)
def test_no_days_in_a_row_hold_more_than_a_period_may_whatever_the_clock_says(clock, length):
    budget = LedgerBudget(20.0, DELTA, period_days=length, period_user_epsilon=8.0)
    days = answers(clock, budget)
    assert days == sorted(days)
    for first in set(days):
        within = sum(first <= day < first + length for day in days)
        assert composed_epsilon({UPDATE: within}, DELTA) <= 8.0
    if days:
        assert Ledger(budget, Counter([UPDATE] * len(days))).epsilon("user") <= 20.0


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
@settings(deadline=None, max_examples=20)
def test_a_clock_that_jumps_keeps_the_later_day_also_over_restarts(tmp_path_factory, clock):
    path = tmp_path_factory.mktemp("ledger") / "ledger"
    wide = LedgerBudget(1e9, DELTA)
    for number, day in enumerate(clock, start=1):
        with LedgerFile(path, wide) as ledger:  # a restart
            ledger.charge(UPDATE, round_number=number, day=day)
            assert ledger.charges[-1].day == max(clock[:number])
    with LedgerFile(path, wide) as ledger:
        assert [charge.day for charge in ledger.charges] == [max(clock[:end]) for end in range(1, len(clock) + 1)]


def test_without_a_period_days_make_no_difference():
    life = LedgerBudget(8.0, DELTA)
    assert life.in_period() is None
    assert answers([0, 0, 0, 0, 99], life) == [0, 0, 0]


@pytest.mark.parametrize("values", [{"period_days": -1}, {"period_days": 1.5}, {"period_user_epsilon": -1.0}])
def test_impossible_periods_are_refused(values):
    with pytest.raises(Misconfigured):
        LedgerBudget(8.0, DELTA, **values)


def test_a_day_begins_at_midnight_utc():
    assert [day_of(seconds) for seconds in (0, 86_399.9, 86_400, 1_800_000_000)] == [0, 0, 1, 20_833]
