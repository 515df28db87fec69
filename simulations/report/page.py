"""The report as one self-contained HTML page. It fetches nothing, and every text of the data is escaped."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from shared.privacy import LARGEST_PROMISE
from shared.tasks import TASK_ROWS, TASKS
from simulations.report import curve, formatting
from simulations.report.result import CurvePoint, RunResult

EVENT_UNIT = "one window of a person's events in a row; every event lies in exactly one window"
EVENT_NEIGHBOURS = "the same device with one window emptied"
EVENT_AGAINST = "whoever sees the sums or a release"
USER_UNIT = "everything one person ever did"
USER_NEIGHBOURS = "the same federation with the vectors of one person made zero"
USER_AGAINST = "whoever sees the sums or a release"


def render(result: RunResult) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("simulations.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cell=formatting.cell,
        size=formatting.size,
        spent=formatting.format_spent,
        milliseconds=formatting.milliseconds,
        epsilon=formatting.epsilon,
        percent=_percent,
    )
    record = result.to_record()
    rows = result.table()
    return environment.get_template("report.html.j2").render(
        result=result,
        record=record,
        lead=formatting.in_sentences(record),
        headlines=_headlines(record),
        rows=rows,
        best={column: _best(rows, column) for column in rows[0] if column not in ("model", "sees")},
        drawing=curve.draw_curve(curve.of_headline(result.curve)),
        newcomers=curve.draw_curve(_newcomers(result.cold_start_curve)),
        frame=curve,
        rounds=[
            *_rounds(result.rounds_table),
            ("of all these sums, under masks", formatting.cell(result.masked_rounds)),
            ("computed on", result.accelerator),
        ],
        round_columns=list(dict.fromkeys(column for row in result.rounds_table for column in row)),
        promises=_promises(record["privacy"]),
        cold_start={
            part: _flat(figures)
            for part, figures in record["cold_start"].items()
            if figures and figures.get("questions", 1)
        },
    )


def _headlines(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    figures = [
        ("nDCG@10 among 99 negatives", formatting.cell(record["metrics"]["sampled"]["ndcg@10"])),
        ("the same, untrained", formatting.cell(record["untrained"]["sampled"]["ndcg@10"])),
        (
            "the same, without privacy",
            formatting.cell(record.get("without_privacy", {}).get("sampled", {}).get("ndcg@10")),
        ),
        ("nDCG@10 among all items", formatting.cell(record["metrics"]["full"]["ndcg@10"])),
        ("AUC, shown lists", formatting.cell(record.get("impressions", {}).get("auc"))),
        ("epsilon, user level", formatting.epsilon(record["privacy"]["user"]["epsilon"])),
        ("epsilon, event level", formatting.epsilon(record["privacy"]["event"]["epsilon"])),
        ("sent per device and round", formatting.size(record["cost"]["upload_bytes_per_client"])),
    ]
    return [(name, value) for name, value in figures if value != formatting.DASH]


def _best(rows: Sequence[Mapping[str, Any]], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _rounds(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What happened in the private sums of each task, in a few figures."""
    summary: list[tuple[str, str]] = []
    for task in TASKS:
        held = [row for row in rows if row["task"] == task]
        if held:
            answers = [row["answered"] for row in held]
            low, middle, high = (formatting.cell(round(n)) for n in (min(answers), median(answers), max(answers)))
            skipped = sum(bool(row["skipped"]) for row in held)
            summary.append((TASK_ROWS[task].plural, formatting.cell(len(held))))
            summary.append(("answers in each: fewest, median, most", f"{low}, {middle}, {high}"))
            if skipped:
                summary.append(("skipped, too few answers", formatting.cell(skipped)))
    return summary


def _promises(privacy: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    defaults = {
        "event": ("Event level", EVENT_UNIT, EVENT_NEIGHBOURS, EVENT_AGAINST),
        "user": ("User level", USER_UNIT, USER_NEIGHBOURS, USER_AGAINST),
    }
    return [_promise(*defaults[level], privacy[level]) for level in ("user", "event")]


def _promise(title: str, unit: str, neighbours: str, against: str, promise: Mapping[str, Any]) -> dict[str, str]:
    """One level of privacy, in words. What the run says itself goes before the defaults."""
    loss = promise["epsilon"]
    told = {
        "title": title,
        "unit": str(promise.get("unit", unit)),
        "neighbours": str(promise.get("neighbours", neighbours)),
        "against": str(promise.get("against", against)),
        "epsilon": formatting.epsilon(loss),
        "delta": formatting.cell(promise["delta"]),
        "meaning": "",
        "local": _local(promise.get("local_noise")),
        "alone": _alone(promise),
    }
    if loss is not None and loss <= LARGEST_PROMISE:
        told["meaning"] = (
            f"Whatever such an observer concludes from all that was sent in this run, its probability would have been "
            f"at most {math.exp(loss):,.1f} times smaller or larger with that unit emptied, up to a remainder of "
            f"{told['delta']}."
        )
    elif loss is not None:
        told["meaning"] = "An epsilon of this size rules nothing out: take it for no protection."
    return told


def _alone(promise: Mapping[str, Any]) -> str:
    alone = promise.get("epsilon_alone")
    return "" if alone is None else f"epsilon {formatting.epsilon(alone)}: {promise['alone']}"


def _local(noise: Mapping[str, Any] | None) -> str:
    return "" if noise is None else f"epsilon {formatting.epsilon(noise['epsilon'])} against {noise['against']}"


def _flat(figures: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in figures.items():
        flat += _flat(value, f"{prefix}{name} ") if isinstance(value, Mapping) else [(prefix + name, value)]
    return flat


def _newcomers(rows: Sequence[Mapping[str, Any]]) -> list[CurvePoint]:
    """A line per model over the number of events."""
    models: dict[int, dict[str, float | None]] = {}
    for row in rows:
        models.setdefault(row["events"], {})[row["model"]] = row["sampled ndcg@10"]
    return [CurvePoint(events, metrics) for events, metrics in models.items()]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
