"""The privacy report of a device: what was promised, what its policy allows, and what is spent. It changes nothing."""

from collections import Counter
from typing import Any

from client.home import Home
from shared.charges import adds_local_noise, epsilon_alone
from shared.privacy import LEVELS, Ledger, LedgerBudget, read_charges
from shared.tasks import TASKS


def spent_privacy(home: Home) -> dict[str, Any]:
    """What a person's device was promised, what its policy allows, and what of it is gone, as plain data.

    Returns:
        {"promised": {"federation", "user": {"epsilon", "delta"}, "event", "local": the same or None, "cohort",
        "epsilon_alone"}, None before joining; "allowed": {"epsilon", "epsilon_per_round", "epsilon_alone", "delta",
        "cohort", "tasks"}; "spent": {"user", "event", "local"}, epsilons at the promised deltas, else at the allowed
        one; "answers": {task: how many were paid for}}. The levels are those of `shared.privacy.Level`.

    Raises:
        Misconfigured, Corrupt: policy, membership or ledger are not what they must be.
    """
    policy = home.policy()
    promised = _promised(home)
    charges = read_charges(home.ledger)
    paid = {(charge.task, charge.round_number) for charge in charges}
    deltas = {
        level: promised[level]["delta"] if promised and promised[level] else policy.largest_delta for level in LEVELS
    }
    ledger = Ledger(
        LedgerBudget(user_delta=deltas["user"], event_delta=deltas["event"]),
        Counter(charge.event for charge in charges),
    )
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
        "answers": {task: sum(one == task for one, _ in paid) for task in TASKS},
    }


def _promised(home: Home) -> dict[str, Any] | None:
    if not home.membership.exists():
        return None
    from client.membership import Membership  # here, as it brings HTTP along and simulated devices join nothing

    federation = Membership.load(home.membership).agreed()
    privacy = federation.privacy
    return {
        "federation": federation.name,
        "user": {"epsilon": privacy.user_epsilon, "delta": privacy.user_delta} if privacy.user else None,
        "event": {"epsilon": privacy.event_epsilon, "delta": privacy.event_delta} if privacy.event else None,
        "local": {"epsilon": privacy.local_epsilon, "delta": privacy.event_delta}
        if adds_local_noise(federation)
        else None,
        "cohort": federation.round.minimum_answers,
        "epsilon_alone": epsilon_alone(federation),
    }
