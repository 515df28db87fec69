"""The data sets a federation can be simulated on: four real layouts and a made-up world whose truth is known."""

from simulations.datasets.dataset import Dataset, Impression, LoadReport, Person, SkippedRows
from simulations.datasets.demo_truth import DemoTruth, Habit
from simulations.datasets.export import export_dataset
from simulations.datasets.loading import kind_of, load, spec_of

__all__ = [
    "Dataset",
    "DemoTruth",
    "Habit",
    "Impression",
    "LoadReport",
    "Person",
    "SkippedRows",
    "export_dataset",
    "kind_of",
    "load",
    "spec_of",
]
