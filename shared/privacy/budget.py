"""What a device may spend over its whole life, at each level, and how tasks share it."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Misconfigured
from shared.privacy.events import LEVELS, Level
from shared.tasks import Task


@dataclass(frozen=True, slots=True)
class LedgerBudget:
    """The promises of one device over its whole life. An epsilon of 0 is no room: every charge there is refused.

    Attributes:
        user_epsilon, user_delta: towards a server that sees private sums; unit one person.
        event_epsilon, event_delta: towards the same server; unit one window of events.
        local_epsilon: towards a server that sees a single update, at `event_delta`; unit one window of events.
        shares: bound of each task within the user level, as a share of its rho: 0 where it is not named. None for no
            such bounds.
    """

    user_epsilon: float = 0.0
    user_delta: float = 1e-6
    event_epsilon: float = 0.0
    event_delta: float = 1e-6
    local_epsilon: float = 0.0
    shares: Mapping[Task, float] | None = None

    def __post_init__(self) -> None:
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


def check_shares(shares: Mapping[Task, float]) -> None:
    """See that tasks can share a budget so.

    Raises:
        Misconfigured: a share is below 0 or not a number, or together they are above 1.
    """
    if not all(share >= 0 for share in shares.values()) or not sum(shares.values()) <= 1 + 1e-12:
        raise Misconfigured(f"task shares: expected at least 0 and together at most 1, got {dict(shares)}")
