"""A small result with every part filled in by hand; no figure in it was measured."""

from pathlib import Path
from typing import Any

from server import RoundReport
from shared.tasks import Task
from simulations.datasets import SkippedRows
from simulations.report import (
    ConceptMap,
    ConceptPlace,
    CurvePoint,
    ExampleEvent,
    ExamplePerson,
    ExampleReason,
    ExampleRecommendation,
    FairnessGroup,
    Journey,
    Note,
    RunResult,
)

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
            CurvePoint(2, {"federated ndcg@10": 0.085}, (0.065, 0.105)),
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
                12,
                [ExampleEvent("2 May, 09:00", "rating", TITLE)],
                [("war & drama", 0.625), ("comedy", 0.125)],
                [
                    ExampleRecommendation(
                        TITLE,
                        4.25,
                        [ExampleReason("concept", "war & drama", 0.7), ExampleReason("popularity", "", 0.3)],
                    )
                ],
            )
        ],
        "journey": Journey(
            12,
            4,
            [1, 2, 4],
            ["2 May", "3 May", "5 May"],
            ["war & drama"],
            [[0.1, 0.4, 0.625]],
            2,
            [TITLE, "b"],
            ["b", "c"],
        ),
        "concept_map": ConceptMap(
            [ConceptPlace("war & drama", 0.0, 1.0, 0.75), ConceptPlace("comedy", 1.0, 0.0, 0.25)], [(0, 1, 0.5)], 3
        ),
        "fairness": [
            FairnessGroup("few events", 10, 2, 9, 0.31, (0.21, 0.41)),
            FairnessGroup("many events", 2, 10, 30, None, None),
        ],
        "device": {
            "people": 12,
            "coverage": 0.9,
            "ndcg@10, few events": 0.31,
            "gap": None,
            "gap low": None,
            "gap high": None,
        },
        "intervals": {
            "hushrec": {"sampled ndcg@10": [0.39, 0.45], "full ndcg@10": [0.08, 0.11]},
            "untrained": {"sampled ndcg@10": [0.28, 0.34], "full ndcg@10": [0.05, 0.09]},
            "popularity": {"sampled ndcg@10": [0.2, 0.25], "full ndcg@10": [0.03, 0.06]},
            "new users": {"full ndcg@10": [0.04, 0.14]},
        },
        "rules": {"popularity": 0.04, "item-knn": 0.07, "ease": 0.075},
        "answers": [
            {
                "task": "statistics",
                "round_number": 0,
                "members": 100,
                "dimension": 400,
                "first": 8,
                "plain": [0.0, 1.0, 0.0],
                "noised": [-2.5, 1.5, 0.5],
                "masked": [0.25, 0.5, 0.75],
                "messages": [["train.join", 280], ["query.share", 3000], ["query.mask", 1664]],
            }
        ],
        "versions": {"when": "2026-05-02T09:00:00+00:00", "torch": "2.13.0"},
        "federation_toml": '[training]\nrounds = 3\n[sum]\nmode = "secure"\ncorrupt_share = 0.1\n[x]\nname = "<b>"',
        "notes": [Note.told("The catalogue holds 12 items without a plot."), Note("skipped", {"rounds": 1})],
        "out": Path("runs/demo-1"),
    }
    return RunResult(**fields | changes)
