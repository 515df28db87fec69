"""What the devices of a simulation have spent of their budgets: read from their own ledgers, after the training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flwr.app import ConfigRecord

from client import LEDGER, budget
from server import RoundReport
from shared.charges import adds_local_noise, epsilon_alone
from shared.federation import FederationFile
from shared.privacy import Ledger, epsilon_of_rho
from shared.tasks import Task
from simulations.devices import DeviceStates


@dataclass(frozen=True, slots=True)
class Spending:
    """Privacy as a run reports it: who is protected, how well, against whom; None for a level without a promise."""

    user: Mapping[str, Any] | None
    event: Mapping[str, Any] | None


def spending(
    settings: FederationFile,
    states: DeviceStates,
    reports: Sequence[RoundReport],
    first_only: bool = False,
) -> Spending:
    """What the device that spent most has spent, at each level.

    Args:
        settings: the terms, with what was promised.
        states: what the devices keep, their ledgers among it.
        reports: of every round; their answers say how much noise covers a window.
        first_only: only the first sum of each task was masked.
    """
    privacy = settings.privacy
    ledgers = []
    for device in states.held():
        record = states.take(device).get("device")
        if isinstance(record, ConfigRecord) and LEDGER in record:
            ledgers.append(Ledger.from_json(budget(settings), str(record[LEDGER])))
    user = event = None
    if privacy.user:
        user = {
            "epsilon": max((ledger.epsilon("user") for ledger in ledgers), default=0.0),
            "delta": privacy.user_delta,
            "amplification": "none",
            "budget": privacy.spread_epsilon,  # a run lies within one period
            "epsilon_alone": epsilon_alone(settings, _largest_cohorts(reports)),
            "alone": "what all answers of a life would come to with nobody else's noise; that a server cannot fill a "
            "cohort with devices of its own is the word of the registry that certifies devices",
            "unit": "everything one person ever did",
            "neighbours": "the person's vectors made zero (zero-out)",
            "against": "readers of releases, and a server that colludes with at most "
            f"{settings.sum.corrupt_share:.0%} of a cohort"
            + (
                ""
                if settings.sum.mode == "secure" and not first_only
                else "; as a study, this run added the noised vectors without masks"
                + (" but for the first round of each task" if first_only else "")
            ),
        }
    window = f"one window of {settings.windows.events} consecutive events"
    local = None
    if adds_local_noise(settings):
        local = {
            "epsilon": max((ledger.epsilon("local") for ledger in ledgers), default=0.0),
            "against": "a server that saw each single answer without the sum",
        }
    if privacy.level == "both":
        if user is None:
            raise RuntimeError('spending: expected a promise to users at level "both", got none')
        event = {
            "epsilon": max((ledger.epsilon("event") for ledger in ledgers), default=0.0),
            "delta": privacy.event_delta,
            "unit": window,
            "neighbours": "one window emptied (zero-out)",
            "against": user["against"],
            "local_noise": local,
        }
    elif privacy.level == "event":
        if local is None:
            raise RuntimeError('spending: expected local noise at level "event", got none')
        event = {
            "epsilon": local["epsilon"],
            "epsilon, readers of a release": _towards_readers(ledgers, reports, privacy.event_delta),
            "delta": privacy.event_delta,
            "unit": window,
            "neighbours": "one window emptied (zero-out)",
            "against": "a server that saw each summand; readers of a release face the local noise of the whole "
            "cohort, as long as they hold no device of it",
            "local_noise": local,
        }
    return Spending(user, event)


def _towards_readers(ledgers: Sequence[Ledger], reports: Sequence[RoundReport], delta: float) -> float:
    """Event-level epsilon when only sums are seen: the noise of the smallest cohort covers each window."""
    fewest = min((report.answered for report in reports if not report.skipped), default=1)
    rho = (
        math.fsum(event.rho * count for event, count in ledger.charged.items() if event.level == "local")
        for ledger in ledgers
    )
    return epsilon_of_rho(max(rho, default=0.0) / max(fewest, 1), delta)


def _largest_cohorts(reports: Sequence[RoundReport]) -> dict[Task, int]:
    largest: dict[Task, int] = {}
    for report in reports:
        largest[report.task] = max(largest.get(report.task, 0), report.selected)
    return largest
