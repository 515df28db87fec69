"""Whole federations on one machine. `simulate` is loaded when first used: it brings torch and Flower with it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulations.run import simulate

__all__ = ["simulate"]


def __getattr__(name: str) -> Any:
    if name == "simulate":
        from simulations.run import simulate

        return simulate
    raise AttributeError(f"module 'simulations' has no attribute {name!r}")
