"""Ranking metrics and how sure they are."""

from shared.metrics.intervals import bootstrap_interval
from shared.metrics.ranking import auc_of_rank, hit_rate, list_metrics, ndcg, ranks, reciprocal_rank

__all__ = ["auc_of_rank", "bootstrap_interval", "hit_rate", "list_metrics", "ndcg", "ranks", "reciprocal_rank"]
