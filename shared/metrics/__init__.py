"""Ranking metrics and how sure they are."""

from shared.metrics.intervals import bootstrap_interval
from shared.metrics.ranking import Standing, list_metrics, standing

__all__ = ["Standing", "bootstrap_interval", "list_metrics", "standing"]
