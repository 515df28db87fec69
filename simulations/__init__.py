"""Whole federations on one machine. What is named here is stable; it is loaded when first used, and torch with it."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.datasets import Dataset, load
    from simulations.report import RunResult
    from simulations.run import simulate

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.datasets": ("Dataset", "load"),
        "simulations.report": ("RunResult",),
        "simulations.run": ("simulate",),
    },
)

__all__ = ["Dataset", "RunResult", "load", "simulate"]
