"""Local training on the device, under differential privacy."""

from client.training.local_step import LocalTraining, Update, round_event
from client.training.windows import Window, cut

__all__ = ["LocalTraining", "Update", "Window", "cut", "round_event"]
