"""The server's role in the private sum FEDREC-SA/1: routes what it cannot read and unmasks one sum, or nothing."""

from server.collector.collector import Collected, Collector
from server.collector.unmasking import Culprit, unmask

__all__ = ["Collected", "Collector", "Culprit", "unmask"]
