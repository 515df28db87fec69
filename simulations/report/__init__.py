"""What a person sees of a run: the result, its report and its progress."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.report.archive": ("WRITTEN", "read_result", "redraw", "write_report"),
        "simulations.report.example_people": ("describe_people",),
        "simulations.report.progress": ("Progress", "Stage"),
        "simulations.report.result": (
            "CurvePoint",
            "ExampleEvent",
            "ExamplePerson",
            "ExampleRecommendation",
            "RunResult",
            "headline",
            "plain_values",
        ),
        "simulations.report.terminal": ("print_record", "print_result"),
    },
)

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
