"""The privacy report of a device: what was promised, what its policy allows, and what is spent. It changes nothing."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from client.home import Home
from client.ledger_check import Known, answers_in, faults
from client.ledger_heads import head_places
from client.wall_clock import latest_seconds
from shared.amendment import TermChange
from shared.charges import adds_local_noise, epsilon_alone
from shared.errors import HushrecError
from shared.privacy import LEVELS, Ledger, LedgerBudget, ReadLedger, day_of, read_ledger
from shared.tasks import TASKS


def spent_privacy(home: Home, now_seconds: Callable[[], float] = time.time) -> dict[str, Any]:
    """What a person's device was promised, what its policy allows, and what of it is gone, as plain data.

    Returns:
        {"promised": {"federation", "user": {"epsilon", "delta"}, "event", "local": the same or None, "cohort",
        "epsilon_alone", "period": {"days", "user", "event"} (epsilons) or None}, None before joining; "allowed":
        {"epsilon", "epsilon_per_round", "epsilon_alone", "delta", "cohort", "tasks"}; "spent": {"user", "event",
        "local"}, epsilons at the promised deltas, else at the allowed one; "spent_in_period": {"user", "event"} within
        the newest period or None; "answers": {task: how many were paid for}; "faults": what speaks against the ledger
        being whole, one sentence each; "paused": whether the person has paused all answers; "offered_terms": [{"key",
        "before", "after"}], what terms that the person has not accepted would change}. The levels are those of
        `shared.privacy.Level`.

    Raises:
        Misconfigured, Corrupt: policy, membership or ledger are not what they must be.
    """
    policy = home.policy()
    promised = _promised(home)
    held = read_ledger(home.ledger)
    try:
        heads = {place.name: place.read() for place in head_places(home.head, home.keys)}
    except HushrecError as reason:  # a keyring that is locked, say: what is spent is told all the same
        found = [str(reason)]
    else:
        found = faults(held, heads, _known(home))
    held = held or ReadLedger()
    charges = held.charges
    answered = answers_in(held)
    deltas = {
        level: promised[level]["delta"] if promised and promised[level] else policy.largest_delta for level in LEVELS
    }
    budget = LedgerBudget(user_delta=deltas["user"], event_delta=deltas["event"])
    ledger = Ledger(budget, Counter(charge.event for charge in charges))
    recent = None
    if promised and promised["period"]:
        first = max(day_of(latest_seconds(home.clock, now_seconds)), held.last_day) - promised["period"]["days"]
        recent = Ledger(budget, Counter(charge.event for charge in charges if charge.day > first))
    return {
        "promised": promised,
        "allowed": {
            "epsilon": policy.largest_epsilon_in_life,
            "epsilon_per_round": policy.largest_epsilon_per_round,
            "epsilon_alone": policy.largest_epsilon_alone,
            "delta": policy.largest_delta,
            "cohort": policy.smallest_cohort,
            "tasks": list(policy.tasks),
        },
        "spent": {level: ledger.epsilon(level) for level in LEVELS},
        "spent_in_period": recent and {level: recent.epsilon(level) for level in ("user", "event")},
        "answers": {task: answered[task] for task in TASKS},
        "faults": found,
        "paused": home.paused.exists(),
        "offered_terms": [asdict(change) for change in _offered(home)],
    }


def _promised(home: Home) -> dict[str, Any] | None:
    if not home.membership.exists():
        return None
    from client.membership import Membership  # here, as it brings HTTP along and simulated devices join nothing

    federation = Membership.load(home.membership).agreed()
    privacy = federation.privacy
    period = {"days": privacy.period_days, "user": privacy.period_user_epsilon}
    return {
        "federation": federation.name,
        "user": {"epsilon": privacy.user_epsilon, "delta": privacy.user_delta} if privacy.user else None,
        "event": {"epsilon": privacy.event_epsilon, "delta": privacy.event_delta} if privacy.event else None,
        "local": {"epsilon": privacy.local_epsilon, "delta": privacy.event_delta}
        if adds_local_noise(federation)
        else None,
        "cohort": federation.round.minimum_answers,
        "period": period | {"event": privacy.period_event_epsilon if privacy.level == "both" else None}
        if privacy.period_days
        else None,
        "epsilon_alone": epsilon_alone(federation),
    }


def _offered(home: Home) -> tuple[TermChange, ...]:
    if not (home.offered_terms.exists() and home.membership.exists()):
        return ()
    from client.terms import offered_changes  # here, as above

    return offered_changes(home)


def _known(home: Home) -> Known:
    if not home.membership.exists():
        return {}
    from client.receipts import known_of  # here, as above

    return known_of(home)
