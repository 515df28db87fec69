"""How long the parts take, side by side in one process, with fixed seeds."""

from simulations.benchmarks.comparison import beside, numbers_of, read_earlier
from simulations.benchmarks.history import KeptFigures, read_history, write_history_page
from simulations.benchmarks.registry import BENCHMARKS

__all__ = [
    "BENCHMARKS",
    "KeptFigures",
    "beside",
    "numbers_of",
    "read_earlier",
    "read_history",
    "write_history_page",
]
