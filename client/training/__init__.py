"""Local training on the device, under differential privacy."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.training.local_training import LocalTraining
    from client.training.windows import Window, cut_windows

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.training.local_training": ("LocalTraining",),
        "client.training.windows": ("Window", "cut_windows"),
    },
)

__all__ = ["LocalTraining", "Window", "cut_windows"]
