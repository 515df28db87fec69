"""What a device may spend over its whole life and within a period, at each level, and how tasks share it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.errors import Misconfigured
from shared.privacy.events import LEVELS, Level
from shared.tasks import Task


@dataclass(frozen=True, slots=True)
class LedgerBudget:
    """The promises of one device over its whole life. An epsilon of 0 is no room: every charge there is refused.

    Attributes:
        user_epsilon, user_delta: towards a server that sees private sums; unit one person.
        event_epsilon, event_delta: towards the same server; unit one window of events.
        local_epsilon: towards a server that sees single answers, at `event_delta`; unit one window of events.
        shares: bound of each task within the user level, as a share of its rho: 0 where it is not named. None for no
            such bounds.
        period_days: length of the period that is bounded as well: so many days in a row, wherever they begin. 0 for
            none: the life's budget is the only one.
        period_user_epsilon, period_event_epsilon: within every period, at the same deltas and for the same units.
    """

    user_epsilon: float = 0.0
    user_delta: float = 1e-6
    event_epsilon: float = 0.0
    event_delta: float = 1e-6
    local_epsilon: float = 0.0
    shares: Mapping[Task, float] | None = None
    period_days: int = 0
    period_user_epsilon: float = 0.0
    period_event_epsilon: float = 0.0

    def __post_init__(self) -> None:
        if type(self.period_days) is not int or self.period_days < 0:
            raise Misconfigured(f"period: expected a whole number of days of at least 0, got {self.period_days!r}")
        for name, within in (("user", self.period_user_epsilon), ("event", self.period_event_epsilon)):
            if not within >= 0:
                raise Misconfigured(f"{name}-level budget of a period: expected an epsilon of at least 0, got {within}")
        for level in LEVELS:
            epsilon, delta = self.of(level)
            if not epsilon >= 0:
                raise Misconfigured(f"{level}-level budget: expected an epsilon of at least 0, got {epsilon}")
            if not 0 < delta < 1:
                raise Misconfigured(f"{level}-level budget: expected a delta in (0, 1), got {delta}")
        if self.shares is not None:
            check_shares(self.shares)

    def of(self, level: Level) -> tuple[float, float]:
        """Epsilon and delta of a level."""
        return {
            "user": (self.user_epsilon, self.user_delta),
            "event": (self.event_epsilon, self.event_delta),
            "local": (self.local_epsilon, self.event_delta),
        }[level]

    def in_period(self) -> "LedgerBudget | None":
        """The promises within a period; None where there is none. The local level has no bound but its life's."""
        if not self.period_days:
            return None
        user, event = self.period_user_epsilon, self.period_event_epsilon
        return replace(self, user_epsilon=user, event_epsilon=event, period_days=0)


def check_shares(shares: Mapping[Task, float]) -> None:
    """See that tasks can share a budget so.

    Raises:
        Misconfigured: a share is below 0 or not a number, or together they are above 1.
    """
    if not all(share >= 0 for share in shares.values()) or not sum(shares.values()) <= 1 + 1e-12:
        raise Misconfigured(f"task shares: expected at least 0 and together at most 1, got {dict(shares)}")
