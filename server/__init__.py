"""The aggregation server: asks cohorts for sums and turns each into a step. It imports nothing of a device."""

from typing import TYPE_CHECKING

from shared.face import lazily

if TYPE_CHECKING:
    from server.aggregator import Aggregator, PlainSum, SumRequest, SumResult, Tally
    from server.app import make_app
    from server.cohort import Member
    from server.exchange import Clock, Exchange
    from server.federation import Counts, Federation, Publish, RoundObserver
    from server.private_sum import IdealSum, SecureSum
    from server.round import RoundReport

__getattr__, __dir__ = lazily(
    __name__,
    {
        "server.aggregator": ("Aggregator", "PlainSum", "SumRequest", "SumResult", "Tally"),
        "server.app": ("make_app",),
        "server.cohort": ("Member",),
        "server.exchange": ("Clock", "Exchange"),
        "server.federation": ("Counts", "Federation", "Publish", "RoundObserver"),
        "server.private_sum": ("IdealSum", "SecureSum"),
        "server.round": ("RoundReport",),
    },
)

__all__ = [
    "Aggregator", "Clock", "Counts", "Exchange", "Federation", "IdealSum", "Member", "PlainSum", "Publish",
    "RoundObserver", "RoundReport", "SecureSum", "SumRequest", "SumResult", "Tally", "make_app",
]  # fmt: skip
