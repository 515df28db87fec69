"""What a person sees of a run: the result, its report and its progress."""

from simulations.report.archive import WRITTEN, read_result, redraw, write_report
from simulations.report.example_people import describe_people
from simulations.report.progress import Progress, Stage
from simulations.report.result import (
    CurvePoint,
    ExampleEvent,
    ExamplePerson,
    ExampleRecommendation,
    RunResult,
    headline,
    plain_values,
)
from simulations.report.terminal import print_record, print_result

__all__ = [
    "WRITTEN",
    "CurvePoint",
    "ExampleEvent",
    "ExamplePerson",
    "ExampleRecommendation",
    "Progress",
    "RunResult",
    "Stage",
    "describe_people",
    "headline",
    "plain_values",
    "print_record",
    "print_result",
    "read_result",
    "redraw",
    "write_report",
]  # fmt: skip
