"""Studies: comparisons with baselines, ablations, drift, cold start and the recovery of hidden interests."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.studies.baseline_comparison import measure_baselines
    from simulations.studies.cold_start import cold_start_curve
    from simulations.studies.compare import run_comparison

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.studies.baseline_comparison": ("measure_baselines",),
        "simulations.studies.cold_start": ("cold_start_curve",),
        "simulations.studies.compare": ("run_comparison",),
    },
)

__all__ = ["cold_start_curve", "measure_baselines", "run_comparison"]
