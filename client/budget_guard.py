"""What a device keeps to, whatever a server asks: each round once, and never more than its person was promised.

Where that is written down is a `RoundRecord`: files for a person's device, a mapping for a simulated one.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from client.home import Home
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import FederationFile
from shared.files import write_atomically
from shared.privacy import (
    LEVELS,
    TASKS,
    Ledger,
    LedgerBudget,
    LedgerFile,
    PrivacyEvent,
    Task,
    TaskShares,
    read_charges,
)

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
    """In a mapping: for simulated devices, and as safe as the mapping is."""

    def __init__(self, state: MutableMapping[str, str]) -> None:
        self._state = state

    def __repr__(self) -> str:
        return "StateRecord()"

    def reserve_round(self, task: Task, number: int) -> None:
        """See `RoundRecord`."""
        self._state[ROUNDS] = _with_round(json.loads(self._state.get(ROUNDS, "{}")), task, number)

    def check(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> None:
        """See `RoundRecord`."""
        self._after(budget, events)

    def charge(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...], number: int) -> None:
        """See `RoundRecord`."""
        self._state[LEDGER] = self._after(budget, events).to_json()

    def _after(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> Ledger:
        return Ledger.from_json(budget, self._state.get(LEDGER, "[]")).after(*events)


class FileRecord:
    """In two files: the ledger, which only grows, and the last rounds. A person's device keeps its promises there."""

    def __init__(self, ledger: Path, rounds: Path) -> None:
        self._ledger, self._rounds = ledger, rounds

    def __repr__(self) -> str:
        return "FileRecord()"

    def reserve_round(self, task: Task, number: int) -> None:
        """See `RoundRecord`.

        Raises:
            Corrupt: the file is not what was written; no round is answered then.
            Misconfigured: it cannot be read or written.
        """
        with _alone(self._rounds.with_name(f".{self._rounds.name}.lock")):
            write_atomically(self._rounds, _with_round(self._last_rounds(), task, number).encode())

    def check(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> None:
        """See `RoundRecord`."""
        charged = Counter(charge.event for charge in read_charges(self._ledger))
        Ledger(budget, charged).after(*events)

    def charge(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...], number: int) -> None:
        """See `RoundRecord`."""
        with LedgerFile(self._ledger, budget) as ledger:
            ledger.charge(*events, round_number=number)

    def _last_rounds(self) -> Mapping[str, int]:
        try:
            rounds = json.loads(self._rounds.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Misconfigured(f"{self._rounds}: the last rounds could not be read ({error.strerror})") from None
        except (ValueError, RecursionError):
            rounds = None
        if not isinstance(rounds, dict) or not all(
            task in TASKS and type(number) is int and number >= 0 for task, number in rounds.items()
        ):
            raise Corrupt(
                f"{self._rounds}: expected the last round of each task, got something else, so no round is answered; "
                "bring the file back from a copy at least as new"
            )
        return rounds


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
            charges: what the answer releases (`shared.round_parameters.charges_of`).

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
    """The promises of a federation file over a device's whole life."""
    privacy = federation.privacy
    return LedgerBudget(
        user_epsilon=privacy.user_epsilon if privacy.user else 0.0,
        user_delta=privacy.user_delta,
        event_epsilon=privacy.event_epsilon if privacy.level == "both" else 0.0,
        event_delta=privacy.event_delta,
        local_epsilon=privacy.local_epsilon if privacy.local else 0.0,
        shares=TaskShares(
            1 - privacy.statistics_share - privacy.evaluation_share, privacy.statistics_share, privacy.evaluation_share
        ),
    )


def _with_round(rounds: Mapping[str, int], task: Task, number: int) -> str:
    """The last rounds as JSON, with one more."""
    if number <= rounds.get(task, -1):
        raise Refused(f"round {number} of {task}: this device has answered round {rounds[task]} already")
    return json.dumps({**rounds, task: number}, sort_keys=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time."""
    import fcntl  # here, so that simulations load on other systems too

    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(f"{lock}: expected to make a lock there ({error.strerror})") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def spent_privacy(home: Home) -> dict[str, Any]:
    """What a person's device was promised, what its policy allows, and what of it is gone, as plain data.

    Returns:
        {"promised": {"federation", "user": {"epsilon", "delta"}, "event", "local": the same or None, "cohort"}, None
        before joining, "allowed": {"epsilon", "epsilon_per_round", "delta", "cohort", "tasks"}, "spent": {"user",
        "event", "local"}, epsilons at the promised deltas, else at the allowed one, "answers": {task: how many were
        paid for}}. The levels are those of `shared.privacy.Level`.

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
        "local": {"epsilon": privacy.local_epsilon, "delta": privacy.event_delta} if privacy.local else None,
        "cohort": federation.round.minimum_answers,
    }


def _charges_due(task: Task, charges: tuple[PrivacyEvent, ...]) -> tuple[PrivacyEvent, ...]:
    if not charges:
        raise Refused(
            f"{task}: its values would leave this device without noise, although the federation promises "
            "event-level privacy; give it user level too"
        )
    return charges
