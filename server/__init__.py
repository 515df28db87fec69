"""The aggregation server: asks cohorts for sums and turns each into a step. It imports nothing of a device."""

from server.aggregator import Aggregator, PlainSum, SumRequest, SumResult, Tally
from server.app import make_app
from server.cohort import Member
from server.exchange import Clock, Exchange
from server.federation import Counts, Federation, Publish, RoundObserver
from server.round import RoundReport

__all__ = [
    "Aggregator",
    "Clock",
    "Counts",
    "Exchange",
    "Federation",
    "Member",
    "PlainSum",
    "Publish",
    "RoundObserver",
    "RoundReport",
    "SumRequest",
    "SumResult",
    "Tally",
    "make_app",
]
