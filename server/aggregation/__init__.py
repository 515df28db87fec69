"""Sums over a cohort of devices: plain, ideal (noised, unmasked) and by secure aggregation (FEDREC-SA/1)."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.aggregation.aggregator import (
        OPEN_UNITS,
        Aggregator,
        CohortCounts,
        PlainSum,
        SumRequest,
        SumResult,
        open_limit,
        plain_result,
    )
    from server.aggregation.cohort import (
        CohortMember,
        Directory,
        KnownMember,
        NodeDirectory,
        places_in_turn,
        sample_cohort,
    )
    from server.aggregation.collector import Collected, SecAggServer
    from server.aggregation.exchange import Clock, Exchange
    from server.aggregation.recording import RecordingAggregator, read_sum, request_digest, sum_file_name
    from server.aggregation.secure_aggregation import (
        Answered,
        IdealSum,
        OnPhase,
        Phase,
        SecureSum,
        forget_answered,
        forget_phase,
        sum_result,
    )
    from server.aggregation.unmasking import Culprit, unmask

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.aggregation.aggregator": (
            "OPEN_UNITS",
            "Aggregator",
            "PlainSum",
            "SumRequest",
            "SumResult",
            "CohortCounts",
            "open_limit",
            "plain_result",
        ),
        "server.aggregation.cohort": (
            "CohortMember",
            "Directory",
            "KnownMember",
            "NodeDirectory",
            "places_in_turn",
            "sample_cohort",
        ),
        "server.aggregation.collector": ("Collected", "SecAggServer"),
        "server.aggregation.exchange": ("Clock", "Exchange"),
        "server.aggregation.recording": ("RecordingAggregator", "sum_file_name", "request_digest", "read_sum"),
        "server.aggregation.secure_aggregation": (
            "Answered",
            "IdealSum",
            "OnPhase",
            "Phase",
            "SecureSum",
            "forget_answered",
            "forget_phase",
            "sum_result",
        ),
        "server.aggregation.unmasking": ("Culprit", "unmask"),
    },
)

__all__ = [
    "OPEN_UNITS",
    "Aggregator",
    "Answered",
    "Clock",
    "CohortCounts",
    "CohortMember",
    "Collected",
    "Culprit",
    "Directory",
    "Exchange",
    "IdealSum",
    "KnownMember",
    "NodeDirectory",
    "OnPhase",
    "Phase",
    "PlainSum",
    "RecordingAggregator",
    "SecAggServer",
    "SecureSum",
    "SumRequest",
    "SumResult",
    "forget_answered",
    "forget_phase",
    "open_limit",
    "places_in_turn",
    "plain_result",
    "read_sum",
    "request_digest",
    "sample_cohort",
    "sum_file_name",
    "sum_result",
    "unmask",
]  # fmt: skip
