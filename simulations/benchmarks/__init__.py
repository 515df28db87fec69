"""How long the parts take, side by side in one process, with fixed seeds."""

from simulations.benchmarks.registry import BENCHMARKS

__all__ = ["BENCHMARKS"]
