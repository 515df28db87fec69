"""How long the parts take, side by side in one process, with fixed seeds."""

from simulations.benchmarks.comparison import beside, machine_facts, read_earlier
from simulations.benchmarks.registry import BENCHMARKS

__all__ = ["BENCHMARKS", "beside", "machine_facts", "read_earlier"]
