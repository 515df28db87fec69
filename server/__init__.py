"""The aggregation server: asks cohorts for sums and turns each into a step. It imports nothing of a device."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.aggregation import (
        Aggregator,
        Clock,
        Exchange,
        IdealSum,
        Member,
        PlainSum,
        SecureSum,
        SumRequest,
        SumResult,
        Tally,
    )
    from server.app import make_app
    from server.training import Counts, Federation, Publish, RoundObserver, RoundReport

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.aggregation": (
            "Aggregator",
            "Clock",
            "Exchange",
            "IdealSum",
            "Member",
            "PlainSum",
            "SecureSum",
            "SumRequest",
            "SumResult",
            "Tally",
        ),
        "server.app": ("make_app",),
        "server.training": ("Counts", "Federation", "Publish", "RoundObserver", "RoundReport"),
    },
)

__all__ = [
    "Aggregator", "Clock", "Counts", "Exchange", "Federation", "IdealSum", "Member", "PlainSum", "Publish",
    "RoundObserver", "RoundReport", "SecureSum", "SumRequest", "SumResult", "Tally", "make_app",
]  # fmt: skip
