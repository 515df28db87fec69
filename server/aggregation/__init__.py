"""Sums over a cohort of devices: plain, ideal (noised, unmasked) and by secure aggregation (FEDREC-SA/1)."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from server.aggregation.aggregator import Aggregator, PlainSum, SumRequest, SumResult, Tally
    from server.aggregation.cohort import Member, Roster, choose
    from server.aggregation.collector import Collected, Collector
    from server.aggregation.exchange import Clock, Exchange
    from server.aggregation.recording import Recording, file_name, question_of, read_sum
    from server.aggregation.secure_aggregation import IdealSum, SecureSum
    from server.aggregation.unmasking import Culprit, unmask

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "server.aggregation.aggregator": ("Aggregator", "PlainSum", "SumRequest", "SumResult", "Tally"),
        "server.aggregation.cohort": ("Member", "Roster", "choose"),
        "server.aggregation.collector": ("Collected", "Collector"),
        "server.aggregation.exchange": ("Clock", "Exchange"),
        "server.aggregation.recording": ("Recording", "file_name", "question_of", "read_sum"),
        "server.aggregation.secure_aggregation": ("IdealSum", "SecureSum"),
        "server.aggregation.unmasking": ("Culprit", "unmask"),
    },
)

__all__ = [
    "Aggregator", "Clock", "Collected", "Collector", "Culprit", "Exchange", "IdealSum", "Member", "PlainSum",
    "Recording", "Roster", "SecureSum", "SumRequest", "SumResult", "Tally", "choose", "file_name", "question_of",
    "read_sum", "unmask",
]  # fmt: skip
