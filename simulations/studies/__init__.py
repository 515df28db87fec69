"""Studies: comparisons with baselines, ablations, drift, cold start and the recovery of hidden interests."""

from simulations.studies.baseline_comparison import measure_baselines
from simulations.studies.cold_start import cold_start_curve
from simulations.studies.compare import run_comparison

__all__ = ["cold_start_curve", "measure_baselines", "run_comparison"]
