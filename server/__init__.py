"""The aggregation server: asks cohorts for sums and turns each into a step. It imports nothing of a device."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.aggregation import (
        Aggregator,
        Clock,
        CohortCounts,
        CohortMember,
        Exchange,
        IdealSum,
        PlainSum,
        SecureSum,
        SumRequest,
        SumResult,
    )
    from server.app import make_server_app
    from server.training import Federation, Publish, RoundObserver, RoundReport

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.aggregation": (
            "Aggregator",
            "Clock",
            "Exchange",
            "IdealSum",
            "CohortMember",
            "PlainSum",
            "SecureSum",
            "SumRequest",
            "SumResult",
            "CohortCounts",
        ),
        "server.app": ("make_server_app",),
        "server.training": ("Federation", "Publish", "RoundObserver", "RoundReport"),
    },
)

__all__ = [
    "Aggregator",
    "Clock",
    "CohortCounts",
    "CohortMember",
    "Exchange",
    "Federation",
    "IdealSum",
    "PlainSum",
    "Publish",
    "RoundObserver",
    "RoundReport",
    "SecureSum",
    "SumRequest",
    "SumResult",
    "make_server_app",
]  # fmt: skip
