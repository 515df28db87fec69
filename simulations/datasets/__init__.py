"""The data sets a federation can be simulated on: four real layouts and a made-up world whose truth is known."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.datasets.dataset import Dataset, Impression, LoadReport, SkippedRows
    from simulations.datasets.demo_truth import DemoTruth, Habit
    from simulations.datasets.export import export_dataset
    from simulations.datasets.frames import dataset_of_frames
    from simulations.datasets.loading import check_data, kind_of, load, spec_of
    from simulations.datasets.picture_files import add_pictures

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.datasets.dataset": ("Dataset", "Impression", "LoadReport", "SkippedRows"),
        "simulations.datasets.demo_truth": ("DemoTruth", "Habit"),
        "simulations.datasets.export": ("export_dataset",),
        "simulations.datasets.frames": ("dataset_of_frames",),
        "simulations.datasets.loading": ("check_data", "kind_of", "load", "spec_of"),
        "simulations.datasets.picture_files": ("add_pictures",),
    },
)

__all__ = [
    "Dataset",
    "DemoTruth",
    "Habit",
    "Impression",
    "LoadReport",
    "SkippedRows",
    "add_pictures",
    "check_data",
    "dataset_of_frames",
    "export_dataset",
    "kind_of",
    "load",
    "spec_of",
]
