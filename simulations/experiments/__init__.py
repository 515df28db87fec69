"""What RESULTS.md claims, by name: the commands behind each table, measured again and written as tables and JSON."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.experiments.commands import Command
    from simulations.experiments.measuring import Measured, measure_experiment
    from simulations.experiments.published import PublishedFigure, published_figures
    from simulations.experiments.registry import EXPERIMENTS, Experiment
    from simulations.experiments.tables import markdown, tables_by_protocol

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.experiments.commands": ("Command",),
        "simulations.experiments.measuring": ("Measured", "measure_experiment"),
        "simulations.experiments.published": ("PublishedFigure", "published_figures"),
        "simulations.experiments.registry": ("EXPERIMENTS", "Experiment"),
        "simulations.experiments.tables": ("markdown", "tables_by_protocol"),
    },
)

__all__ = [
    "EXPERIMENTS",
    "Command",
    "Experiment",
    "Measured",
    "PublishedFigure",
    "markdown",
    "measure_experiment",
    "published_figures",
    "tables_by_protocol",
]
