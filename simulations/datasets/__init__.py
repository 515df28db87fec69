"""The data sets a federation can be simulated on: four real layouts and a made-up world whose truth is known."""

from simulations.datasets.dataset import Dataset, Impression, LoadReport, Loss, Person
from simulations.datasets.demo_truth import DemoTruth
from simulations.datasets.loading import load

__all__ = ["Dataset", "DemoTruth", "Impression", "LoadReport", "Loss", "Person", "load"]
