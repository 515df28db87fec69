"""A small result with every part filled in by hand; no figure in it was measured."""

from pathlib import Path
from typing import Any

from server import RoundReport
from shared.tasks import Task
from simulations.datasets import SkippedRows
from simulations.report import CurvePoint, ExampleEvent, ExamplePerson, ExampleRecommendation, RunResult

TITLE = 'Men & <script>alert("x")</script> http://example.org/film'


def row(number: int, answered: int, skipped: bool = False, task: Task = "update") -> dict[str, Any]:
    """A line of rounds.csv as a training writes it."""
    report = RoundReport(
        number=number,
        task=task,
        groups=("dense",),
        selected=100,
        answered=answered,
        not_yet=0,
        refused=0,
        failed={},
        rejected=0,
        late=100 - answered,
        skipped=skipped,
        seconds=1.25,
        upload_bytes=240_000,
        update_norm=0.0 if skipped else 0.5,
    )
    return {column: None if value == "" else value for column, value in report.to_row().items()}


def sample(**changes: Any) -> RunResult:
    """The sample, with some fields replaced."""
    fields: dict[str, Any] = {
        "data": "demo",
        "users": 300,
        "items": 400,
        "events": 9000,
        "rounds": 3,
        "dimension": 60_000,
        "metrics": {
            "sampled": {"hr@10": 0.66, "ndcg@10": 0.42, "auc": 0.9, "mrr": 0.36},
            "full": {"hr@10": 0.18, "ndcg@10": 0.097, "mrr": 0.08},
        },
        "baselines": {
            "popularity": {
                "sampled": {"hr@10": 0.407, "ndcg@10": 0.225, "auc": None, "mrr": 0.19},
                "full": {"hr@10": 0.09, "ndcg@10": 0.044, "mrr": None},
            },
            "zero-shot": {"sampled": {"hr@10": 0.417}, "full": {"ndcg@10": 0.039}},
        },
        "cold_start": {"users": {"full": {"ndcg@10": 0.09}}, "items": None},
        "privacy": {"user": None, "event": {"epsilon": 3.141, "delta": 1e-5}},
        "cost": {"seconds": 95.5, "client_milliseconds": 21.3, "upload_bytes_per_client": 240_000},
        "seed": 7,
        "curve": [
            CurvePoint(0, {"sampled ndcg@10": 0.05, "sampled hr@10": 0.10}, (0.03, 0.07)),
            CurvePoint(2, {"sampled ndcg@10": 0.08, "sampled hr@10": None}, (0.06, 0.1)),
            CurvePoint(2, {"federated ndcg@10": 0.085}),
            CurvePoint(3, {"sampled ndcg@10": 0.09, "sampled hr@10": 0.18}, (0.07, 0.11)),
        ],
        "cold_start_curve": [
            {"events": 0, "model": "hushrec", "sampled ndcg@10": 0.21, "low": 0.11, "high": 0.31},
            {"events": 0, "model": "zero-shot", "sampled ndcg@10": None, "low": None, "high": None},
            {"events": 5, "model": "hushrec", "sampled ndcg@10": 0.41, "low": 0.31, "high": 0.51},
            {"events": 5, "model": "zero-shot", "sampled ndcg@10": 0.25, "low": 0.15, "high": 0.35},
        ],
        "untrained": {"sampled": {"ndcg@10": 0.31}, "full": {"ndcg@10": 0.07}},
        "learnt": {
            "sampled": {"ndcg@10": 0.11, "low": 0.08, "high": 0.14},
            "full": {"ndcg@10": 0.027, "low": 0.01, "high": 0.04},
        },
        "moved": {"dense": 4.5, "scales": 0.25},
        "rounds_table": [row(1, 90), row(2, 3, skipped=True), row(3, 95), row(3, 70, task="evaluation")],
        "load_losses": [SkippedRows("a line without a time", 12, ("events.csv:4", "events.csv:9"))],
        "examples": [
            ExamplePerson(
                "Person 12",
                [ExampleEvent("2 May, 09:00", f"rated {TITLE}")],
                [("war & drama", 0.625), ("comedy", 0.125)],
                [ExampleRecommendation(TITLE, 4.25, [("like your latest events", 0.7), ("often chosen", 0.3)])],
            )
        ],
        "federation_toml": '[training]\nrounds = 3\nname = "<b>"\n',
        "notes": ["The catalogue holds 12 items without a plot."],
        "out": Path("runs/demo-1"),
    }
    return RunResult(**fields | changes)
