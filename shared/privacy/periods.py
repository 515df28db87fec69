"""Charges by the day they were made on, held against what may be spent in a life and in every period of days.

A day is the number of whole days since 1970-01-01 UTC. A period is so many of them in a row, wherever they begin.
"""

from collections import Counter
from collections.abc import Iterable

from shared.errors import Refused
from shared.privacy.budget import LedgerBudget
from shared.privacy.events import PrivacyEvent
from shared.privacy.ledger import Ledger

DAY_SECONDS = 86_400


def day_of(seconds: float) -> int:
    """The day of a moment since 1970 UTC."""
    return int(seconds // DAY_SECONDS)


def check_spending(
    budget: LedgerBudget, charged: Iterable[tuple[int, PrivacyEvent]], events: tuple[PrivacyEvent, ...], day: int
) -> None:
    """See that events may be charged on a day.

    What was charged on a later day counts in the period too: a clock that is set back makes no room.

    Args:
        budget: in a life, and in a period where it has one.
        charged: day and event of every charge so far.
        events: all of which would be charged, or none.
        day: of the charge.

    Raises:
        Refused: a budget would be exceeded; the message says which.
    """
    before = list(charged)
    Ledger(budget, Counter(event for _, event in before)).after(*events)
    within = budget.in_period()
    if within is None:
        return
    recent = Counter(event for charged_on, event in before if charged_on > day - budget.period_days)
    try:
        Ledger(within, recent).after(*events)
    except Refused as reason:
        raise Refused(
            f"in {budget.period_days} days in a row: {str(reason).partition(';')[0]}; this device goes on recommending "
            "and contributes again when its older answers lie further back",
            code="period-spent",
        ) from None
