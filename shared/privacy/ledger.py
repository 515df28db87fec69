"""The ledger of one device: which events were charged, how often; before anything leaves, and never refunded."""

import json
import math
from collections.abc import Collection, Mapping
from types import MappingProxyType

from shared.errors import Corrupt, Misconfigured, Refused
from shared.privacy.accountant import composed_epsilon, rho_for
from shared.privacy.budget import LedgerBudget
from shared.privacy.events import (
    LEVELS,
    Level,
    PrivacyEvent,
    privacy_event_from_fields,
    privacy_event_to_fields,
)
from shared.tasks import Task


class Ledger:
    """Counts of charged events at all levels, against a budget; kept in memory, carried as text.

    Attributes:
        budget: the promises over the device's whole life.
    """

    def __init__(self, budget: LedgerBudget, charged: Mapping[PrivacyEvent, int] = MappingProxyType({})) -> None:
        self.budget = budget
        self._charged = dict(charged)

    def __repr__(self) -> str:
        return f"Ledger({sum(self._charged.values())} charges)"

    @property
    def charged(self) -> Mapping[PrivacyEvent, int]:
        """How often each event was charged."""
        return MappingProxyType(self._charged)

    def charge(self, *events: PrivacyEvent) -> None:
        """Add events: all of them, or none.

        Raises:
            Refused: a budget would be exceeded; the message names it, and the ledger is as it was.
        """
        self._charged = self.after(*events)._charged

    def after(self, *events: PrivacyEvent) -> "Ledger":
        """The ledger with these events charged; this one stays as it is.

        Raises:
            Refused: as `charge`.
        """
        charged = dict(self._charged)
        for event in events:
            charged[event] = charged.get(event, 0) + 1
        later = Ledger(self.budget, charged)
        for level in LEVELS:
            charged_now = {event.task for event in events if event.level == level}
            if charged_now:
                later._check(level, charged_now)
        return later

    def epsilon(self, level: Level) -> float:
        """Epsilon of a level spent so far, at the delta of its budget."""
        return composed_epsilon(self._of(level), self.budget.of(level)[1])

    def to_json(self) -> str:
        """All charges, in a form `from_json` reads."""
        return json.dumps([[*privacy_event_to_fields(event), count] for event, count in self._charged.items()])

    @classmethod
    def from_json(cls, budget: LedgerBudget, text: str) -> "Ledger":
        """Read what `to_json` wrote.

        Raises:
            Corrupt: the text is not a ledger.
        """
        try:
            entries = json.loads(text)
            charged = {privacy_event_from_fields(fields): count for *fields, count in entries}
            if not isinstance(entries, list) or len(charged) < len(entries):
                raise ValueError("an event stands twice")
            if not all(type(count) is int and count > 0 for count in charged.values()):
                raise ValueError("a count is not a whole number above 0")
        except (ValueError, TypeError, RecursionError, Misconfigured) as error:
            raise Corrupt(f"ledger: expected a list of [level, task, rho, count] ({error})") from None
        return cls(budget, charged)

    def _of(self, level: Level) -> dict[PrivacyEvent, int]:
        return {event: count for event, count in self._charged.items() if event.level == level}

    def _check(self, level: Level, tasks: Collection[Task]) -> None:
        """See that a level keeps its budget, and these tasks their shares of it.

        What other tasks have spent may be more than a share that was made smaller since: it is in the level's epsilon.
        """
        allowed, delta = self.budget.of(level)
        epsilon = self.epsilon(level)
        if epsilon > allowed or not allowed:
            raise Refused(
                f"{level}-level budget: epsilon {epsilon:.3f} at delta {delta:g} would exceed {allowed:g}; "
                "this device goes on recommending and contributes no more",
                code="budget-spent",
            )
        if level == "user" and self.budget.shares is not None:
            whole = rho_for(allowed, delta)
            for task in tasks:
                rho = math.fsum(
                    event.rho * count
                    for event, count in self._charged.items()
                    if event.level == level and event.task == task
                )
                share = self.budget.shares.get(task, 0.0)
                if rho > whole * share:
                    raise Refused(
                        f"user-level budget of task {task!r}: rho {rho:.3g} would exceed its share "
                        f"{share:g} of {whole:.3g}; this device answers no more such rounds",
                        code="budget-spent",
                    )
