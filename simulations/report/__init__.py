"""What a person sees of a run: the result, its report and its progress."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.report.archive import WRITTEN, read_result, redraw, write_comparison, write_report
    from simulations.report.concept_places import map_concepts
    from simulations.report.example_people import describe_people, follow_person
    from simulations.report.language import language_of
    from simulations.report.notes import Note
    from simulations.report.parts import (
        ConceptMap,
        ConceptPlace,
        CurvePoint,
        ExampleEvent,
        ExamplePerson,
        ExampleReason,
        ExampleRecommendation,
        FairnessGroup,
        Journey,
    )
    from simulations.report.progress import Progress, Stage
    from simulations.report.result import RunResult, headline, plain_values
    from simulations.report.terminal import print_record, print_result

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.report.archive": ("WRITTEN", "read_result", "redraw", "write_comparison", "write_report"),
        "simulations.report.concept_places": ("map_concepts",),
        "simulations.report.example_people": ("describe_people", "follow_person"),
        "simulations.report.language": ("language_of",),
        "simulations.report.notes": ("Note",),
        "simulations.report.parts": (
            "ConceptMap", "ConceptPlace", "CurvePoint", "ExampleEvent", "ExamplePerson", "ExampleReason",
            "ExampleRecommendation", "FairnessGroup", "Journey",
        ),
        "simulations.report.progress": ("Progress", "Stage"),
        "simulations.report.result": ("RunResult", "headline", "plain_values"),
        "simulations.report.terminal": ("print_record", "print_result"),
    },
)  # fmt: skip

__all__ = [
    "WRITTEN", "ConceptMap", "ConceptPlace", "CurvePoint", "ExampleEvent", "ExamplePerson", "ExampleReason",
    "ExampleRecommendation", "FairnessGroup", "Journey", "Note", "Progress", "RunResult", "Stage", "describe_people",
    "follow_person", "headline", "language_of", "map_concepts", "plain_values", "print_record", "print_result",
    "read_result", "redraw", "write_comparison", "write_report",
]  # fmt: skip
