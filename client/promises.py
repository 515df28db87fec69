"""What a device keeps to, whatever a server asks: each round once, and never more than its person was promised."""

import json
from collections.abc import MutableMapping

from client.training import round_event
from shared.errors import Refused
from shared.federation import FederationFile
from shared.privacy import Event as PrivacyEvent
from shared.privacy import Ledger, LedgerBudget, Task, TaskShares
from shared.terms import user_charge

LEDGER = "ledger"  # key of the ledger in a device's state
ROUNDS = "rounds"  # key of the last round answered of each task


class Promises:
    """The ledger and the round counters, kept in a mapping that outlives messages."""

    def __init__(self, state: MutableMapping[str, str]) -> None:
        self._state = state

    def __repr__(self) -> str:
        return "Promises()"

    def answer_once(self, task: Task, number: int) -> None:
        """Write a round's number down before anything of it is answered.

        Raises:
            Refused: this round of the task, or a later one, was answered before.
        """
        rounds = json.loads(self._state.get(ROUNDS, "{}"))
        if number <= rounds.get(task, -1):
            raise Refused(f"round {number} of {task}: this device has answered round {rounds[task]} already")
        self._state[ROUNDS] = json.dumps(rounds | {task: number}, sort_keys=True)

    def afford(self, federation: FederationFile, task: Task) -> None:
        """See that one more answer would keep within the budgets.

        Raises:
            Refused: it would not, or it would go without the noise that is promised.
        """
        self._charged(federation, task)

    def pay(self, federation: FederationFile, task: Task) -> None:
        """Charge one answer, before anything of it leaves; nothing is ever refunded.

        Raises:
            Refused: as `afford`; the ledger is then as it was.
        """
        ledger = self._charged(federation, task)
        if ledger is not None:
            self._state[LEDGER] = ledger.to_json()

    def _charged(self, federation: FederationFile, task: Task) -> Ledger | None:
        """The ledger with one more answer; None where nothing is promised."""
        if federation.privacy.level == "none":
            return None
        events = charges(federation, task)
        if not events:
            raise Refused(
                f"{task}: its values would leave this device without noise, although the federation promises "
                "event-level privacy; give it user level too"
            )
        return Ledger.from_json(budget(federation), self._state.get(LEDGER, "[]")).after(*events)


def budget(federation: FederationFile) -> LedgerBudget:
    """The promises of a federation file over a device's whole life."""
    privacy = federation.privacy
    return LedgerBudget(
        user_epsilon=privacy.user_epsilon if privacy.user else 0.0,
        user_delta=privacy.user_delta,
        event_epsilon=privacy.event_epsilon if privacy.event else 0.0,
        event_delta=privacy.event_delta,
        shares=TaskShares(
            1 - privacy.statistics_share - privacy.evaluation_share, privacy.statistics_share, privacy.evaluation_share
        ),
    )


def charges(federation: FederationFile, task: Task) -> tuple[PrivacyEvent, ...]:
    """What one answer releases, at each level that is promised."""
    window = round_event(federation) if task == "update" else None
    return tuple(event for event in (user_charge(federation, task), window) if event is not None)
