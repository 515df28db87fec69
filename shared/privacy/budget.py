"""What a device may spend over its whole life, at each level, and how tasks share it."""

from dataclasses import dataclass

from shared.errors import Misconfigured
from shared.privacy.events import LEVELS, TASKS, Level, Task


@dataclass(frozen=True, slots=True)
class TaskShares:
    """How the tasks of private sums share the user-level rho of a device.

    Attributes:
        update, statistics, evaluation: shares of at least 0, together at most 1.
    """

    update: float
    statistics: float = 0.0
    evaluation: float = 0.0

    def __post_init__(self) -> None:
        shares = [self.of(task) for task in TASKS]
        if not all(share >= 0 for share in shares) or not sum(shares) <= 1 + 1e-12:
            raise Misconfigured(f"task shares: expected at least 0 and together at most 1, got {shares}")

    def of(self, task: Task) -> float:
        """The share of a task."""
        return float(getattr(self, task))


@dataclass(frozen=True, slots=True)
class LedgerBudget:
    """The promises of one device over its whole life. An epsilon of 0 is no room: every charge there is refused.

    Attributes:
        user_epsilon, user_delta: towards a server that sees private sums; unit one person.
        event_epsilon, event_delta: towards the same server; unit one window of events.
        local_epsilon: towards a server that sees a single update, at `event_delta`; unit one window of events.
        shares: bounds of each task within the user level, in rho; None where tasks need no bounds of their own.
    """

    user_epsilon: float = 0.0
    user_delta: float = 1e-6
    event_epsilon: float = 0.0
    event_delta: float = 1e-6
    local_epsilon: float = 0.0
    shares: TaskShares | None = None

    def __post_init__(self) -> None:
        for level in LEVELS:
            epsilon, delta = self.of(level)
            if not epsilon >= 0:
                raise Misconfigured(f"{level}-level budget: expected an epsilon of at least 0, got {epsilon}")
            if not 0 < delta < 1:
                raise Misconfigured(f"{level}-level budget: expected a delta in (0, 1), got {delta}")

    def of(self, level: Level) -> tuple[float, float]:
        """Epsilon and delta of a level."""
        return {
            "user": (self.user_epsilon, self.user_delta),
            "event": (self.event_epsilon, self.event_delta),
            "local": (self.local_epsilon, self.event_delta),
        }[level]
