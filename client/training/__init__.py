"""Local training on the device, under differential privacy."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.training.local_training import LocalTraining, Update
    from client.training.windows import Window, cut_windows

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.training.local_training": ("LocalTraining", "Update"),
        "client.training.windows": ("Window", "cut_windows"),
    },
)

__all__ = ["LocalTraining", "Update", "Window", "cut_windows"]
