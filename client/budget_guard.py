"""What a device keeps to, whatever a server asks: each round once, and never more than its person was promised.

Where that is written down is a `RoundRecord`: files for a person's device (`client.file_record`), a mapping for a
simulated one.
"""

import json
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Protocol

from shared.charges import adds_local_noise
from shared.errors import Refused
from shared.federation import FederationFile
from shared.privacy import Ledger, LedgerBudget, PrivacyEvent, check_spending
from shared.tasks import Task

LEDGER = "ledger"  # key of the ledger in a simulated device's state
ROUNDS = "rounds"  # key of the last round answered of each task


class RoundRecord(Protocol):
    """Where a device writes down what it has answered. Each call returns once what it wrote outlives the process."""

    def reserve_round(self, task: Task, number: int) -> None:
        """Write down a round that is about to be answered; `Refused` unless it is later than all before of its task."""
        ...

    def check(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> None:
        """`Refused` where `charge` would be."""
        ...

    def charge(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...], number: int) -> None:
        """Charge all events; or none, and `Refused`."""
        ...


class StateRecord:
    """In a mapping: for simulated devices, and as safe as the mapping is. All its rounds lie within one period."""

    def __init__(self, state: MutableMapping[str, str]) -> None:
        self._state = state

    def __repr__(self) -> str:
        return "StateRecord()"

    def reserve_round(self, task: Task, number: int) -> None:
        """See `RoundRecord`."""
        self._state[ROUNDS] = with_round(json.loads(self._state.get(ROUNDS, "{}")), task, number)

    def check(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> None:
        """See `RoundRecord`."""
        self._after(budget, events)

    def charge(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...], number: int) -> None:
        """See `RoundRecord`."""
        self._state[LEDGER] = self._after(budget, events).to_json()

    def _after(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> Ledger:
        ledger = Ledger.from_json(budget, self._state.get(LEDGER, "[]"))
        if budget.period_days:
            check_spending(budget, ((0, one) for one in Counter(ledger.charged).elements()), events, 0)
        return ledger.after(*events)


class BudgetGuard:
    """What a device has promised, held against each round that it is asked to answer."""

    def __init__(self, record: RoundRecord | MutableMapping[str, str]) -> None:
        """Keep promises in a record, or in the mapping of a simulated device."""
        self._record = StateRecord(record) if isinstance(record, MutableMapping) else record

    def __repr__(self) -> str:
        return "BudgetGuard()"

    def reserve_round(self, task: Task, number: int) -> None:
        """Write a round's number down before anything of it is answered.

        Raises:
            Refused: this round of the task, or a later one, was answered before.
        """
        self._record.reserve_round(task, number)

    def check(self, federation: FederationFile, task: Task, charges: tuple[PrivacyEvent, ...]) -> None:
        """See that one more answer would keep within the budgets.

        Args:
            federation: says which levels are promised, and the budget of each.
            task: what is answered: an update, statistics or an evaluation.
            charges: what the answer releases (`shared.charges.charges_of`).

        Raises:
            Refused: it would not, or it would go without the noise that is promised.
        """
        if federation.privacy.level != "none":
            self._record.check(budget(federation), _charges_due(task, charges))

    def charge_round(
        self, federation: FederationFile, task: Task, charges: tuple[PrivacyEvent, ...], number: int
    ) -> None:
        """Charge the answer of a round, before anything of it leaves; nothing is ever refunded.

        Raises:
            Refused: as `check`; the ledger is then as it was.
        """
        if federation.privacy.level != "none":
            self._record.charge(budget(federation), _charges_due(task, charges), number)


def budget(federation: FederationFile) -> LedgerBudget:
    """The promises of a federation file over a device's whole life, and within a period."""
    privacy = federation.privacy
    return LedgerBudget(
        user_epsilon=privacy.user_epsilon if privacy.user else 0.0,
        user_delta=privacy.user_delta,
        event_epsilon=privacy.event_epsilon if privacy.level == "both" else 0.0,
        event_delta=privacy.event_delta,
        local_epsilon=privacy.local_epsilon if adds_local_noise(federation) else 0.0,
        shares={task: privacy.share(task) for task in privacy.tasks},
        period_days=privacy.period_days,
        period_user_epsilon=privacy.period_user_epsilon if privacy.user else 0.0,
        period_event_epsilon=privacy.period_event_epsilon if privacy.level == "both" else 0.0,
    )


def with_round(rounds: Mapping[Task, int], task: Task, number: int) -> str:
    """The last rounds as JSON, with one more."""
    if number <= rounds.get(task, -1):
        raise Refused(
            f"round {number} of {task}: this device has answered round {rounds[task]} already", code="round-answered"
        )
    return json.dumps({**rounds, task: number}, sort_keys=True)


def _charges_due(task: Task, charges: tuple[PrivacyEvent, ...]) -> tuple[PrivacyEvent, ...]:
    if not charges:
        raise Refused(
            f"{task}: its values would leave this device without noise, although the federation promises "
            "event-level privacy; give it user level too",
            code="no-noise",
        )
    return charges
