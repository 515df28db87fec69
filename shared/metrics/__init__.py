"""Ranking metrics and how sure they are; breadth, calibration and fairness; estimates of what was not shown."""

from shared.metrics.breadth import coverage, gini, intra_list_diversity, novelty
from shared.metrics.calibration import WORST_CALIBRATION, divergence, miscalibration
from shared.metrics.groups import Gap, by_terciles, quality_gap
from shared.metrics.intervals import bootstrap_interval
from shared.metrics.off_policy import Estimate, doubly_robust, inverse_propensity, self_normalised
from shared.metrics.ranking import Standing, list_metrics, standing

__all__ = [
    "WORST_CALIBRATION",
    "Estimate",
    "Gap",
    "Standing",
    "bootstrap_interval",
    "by_terciles",
    "coverage",
    "divergence",
    "doubly_robust",
    "gini",
    "intra_list_diversity",
    "inverse_propensity",
    "list_metrics",
    "miscalibration",
    "novelty",
    "quality_gap",
    "self_normalised",
    "standing",
]
