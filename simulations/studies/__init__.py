"""Studies: comparisons with baselines, ablations, drift, cold start and the recovery of hidden interests."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.studies.baseline_comparison import measure_baselines
    from simulations.studies.cold_start import cold_start_curve
    from simulations.studies.compare import run_comparison
    from simulations.studies.log_evaluation import evaluate_log
    from simulations.studies.paired import share_kept
    from simulations.studies.search_space import DEFAULT_SPACE, Dimension, read_space
    from simulations.studies.sweep import run_sweep, spent_by_tuning

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.studies.baseline_comparison": ("measure_baselines",),
        "simulations.studies.cold_start": ("cold_start_curve",),
        "simulations.studies.compare": ("run_comparison",),
        "simulations.studies.log_evaluation": ("evaluate_log",),
        "simulations.studies.paired": ("share_kept",),
        "simulations.studies.search_space": ("DEFAULT_SPACE", "Dimension", "read_space"),
        "simulations.studies.sweep": ("run_sweep", "spent_by_tuning"),
    },
)

__all__ = [
    "DEFAULT_SPACE",
    "Dimension",
    "cold_start_curve",
    "evaluate_log",
    "measure_baselines",
    "read_space",
    "run_comparison",
    "run_sweep",
    "share_kept",
    "spent_by_tuning",
]
