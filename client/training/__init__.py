"""Local training on the device, under differential privacy."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.training.local_training import LocalTraining, check_enough, negative_likelihood
    from client.training.windows import MOST_IMPORTANT, Window, cut_windows, drawn_places, negatives_of

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.training.local_training": ("LocalTraining", "check_enough", "negative_likelihood"),
        "client.training.windows": ("MOST_IMPORTANT", "Window", "cut_windows", "drawn_places", "negatives_of"),
    },
)

__all__ = [
    "MOST_IMPORTANT", "LocalTraining", "Window", "check_enough", "cut_windows", "drawn_places", "negative_likelihood",
    "negatives_of",
]  # fmt: skip
