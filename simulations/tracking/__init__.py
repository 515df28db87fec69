"""A training seen by the tools that keep track of experiments: TensorBoard, MLflow, Weights & Biases."""

from simulations.tracking.tracking import Tracking, check_trackers

__all__ = ["Tracking", "check_trackers"]
