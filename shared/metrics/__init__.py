"""Ranking metrics and how sure they are; breadth, calibration and fairness; estimates of what was not shown."""

from shared.metrics.beyond_accuracy import (
    WORST_CALIBRATION,
    by_terciles,
    coverage,
    divergence,
    gini,
    intra_list_diversity,
    miscalibration,
    novelty,
    quality_gap,
)
from shared.metrics.bootstrap import bootstrap_interval
from shared.metrics.federated import MEASURES, MEASURES_NORM, decode_metrics, encode_metrics, metric_group
from shared.metrics.off_policy import doubly_robust, inverse_propensity, self_normalised
from shared.metrics.ranking import RankResult, list_metrics, rank_result
from shared.metrics.top_k import grouped_auc, top_k_of_list, top_k_of_one

__all__ = [
    "MEASURES",
    "MEASURES_NORM",
    "WORST_CALIBRATION",
    "RankResult",
    "bootstrap_interval",
    "by_terciles",
    "coverage",
    "decode_metrics",
    "divergence",
    "doubly_robust",
    "encode_metrics",
    "gini",
    "grouped_auc",
    "intra_list_diversity",
    "inverse_propensity",
    "list_metrics",
    "metric_group",
    "miscalibration",
    "novelty",
    "quality_gap",
    "rank_result",
    "self_normalised",
    "top_k_of_list",
    "top_k_of_one",
]  # fmt: skip
