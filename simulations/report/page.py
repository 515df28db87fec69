"""The report as one self-contained HTML page. It fetches nothing, and every text of the data is escaped."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from simulations.report import curve, words
from simulations.report.result import CurvePoint, RunResult

EVENT_UNIT = "one window of a person's events in a row; every event lies in exactly one window"
EVENT_NEIGHBOURS = "the same device with one window added or removed"
EVENT_AGAINST = "whoever sees what a single device sends, the server first of all, and every reader of a release"
USER_UNIT = "everything one person ever did"
USER_NEIGHBOURS = "the same federation with one person added or removed"
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
        cell=words.cell,
        size=words.size,
        spent=words.spent,
        milliseconds=words.milliseconds,
        epsilon=words.epsilon,
        percent=_percent,
    )
    record = result.to_record()
    rows = result.table()
    return environment.get_template("report.html.j2").render(
        result=result,
        record=record,
        headlines=_headlines(record),
        rows=rows,
        best={column: _best(rows, column) for column in rows[0] if column != "model"},
        drawing=curve.draw(result.curve),
        newcomers=curve.draw(_newcomers(result.cold_start_curve)),
        frame=curve,
        rounds=_rounds(result.rounds_table),
        round_columns=list(dict.fromkeys(column for row in result.rounds_table for column in row)),
        promises=_promises(record["privacy"]),
        cold_start={part: _flat(figures) for part, figures in record["cold_start"].items() if figures},
    )


def _headlines(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    figures = [
        ("nDCG@10, all items", words.cell(record["metrics"]["full"]["ndcg@10"])),
        ("HR@10, 99 negatives", words.cell(record["metrics"]["sampled"]["hr@10"])),
        ("nDCG@10, 99 negatives", words.cell(record["metrics"]["sampled"]["ndcg@10"])),
        ("AUC, shown lists", words.cell(record.get("impressions", {}).get("auc"))),
        ("epsilon, event level", words.epsilon(record["privacy"]["event"]["epsilon"])),
        ("epsilon, user level", words.epsilon(record["privacy"]["user"]["epsilon"])),
        ("work per device and round", words.milliseconds(record["cost"]["client_milliseconds"])),
        ("sent per device and round", words.size(record["cost"]["upload_bytes_per_client"])),
    ]
    return [(name, value) for name, value in figures if value != words.DASH]


def _best(rows: Sequence[Mapping[str, Any]], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _rounds(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What happened in the rounds, in a few figures."""
    answers = [row["answers"] for row in rows if row.get("answers") is not None]
    summary = [("rounds", words.cell(len(rows)))]
    if answers:
        low, middle, high = (words.cell(round(n)) for n in (min(answers), median(answers), max(answers)))
        summary.append(("answers in a round: fewest, median, most", f"{low}, {middle}, {high}"))
    if any("skipped" in row for row in rows):
        summary.append(("skipped, too few answers", words.cell(sum(bool(row.get("skipped")) for row in rows))))
    return summary


def _promises(privacy: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    defaults = {
        "event": ("Event level", EVENT_UNIT, EVENT_NEIGHBOURS, EVENT_AGAINST),
        "user": ("User level", USER_UNIT, USER_NEIGHBOURS, USER_AGAINST),
    }
    return [_promise(*defaults[level], privacy[level]) for level in ("event", "user")]


def _promise(title: str, unit: str, neighbours: str, against: str, promise: Mapping[str, Any]) -> dict[str, str]:
    """One level of privacy, in words. What the run says itself goes before the defaults."""
    loss = promise["epsilon"]
    told = {
        "title": title,
        "unit": str(promise.get("unit", unit)),
        "neighbours": str(promise.get("neighbours", neighbours)),
        "against": str(promise.get("against", against)),
        "epsilon": words.epsilon(loss),
        "delta": words.cell(promise["delta"]),
        "meaning": "",
    }
    if loss is not None:
        factor = f"{math.exp(loss):,.1f}" if loss < 20 else "more than 100 million"
        told["meaning"] = (
            f"Whatever such an observer concludes from all that was sent in this run, its probability would have been "
            f"at most {factor} times smaller or larger without that unit, up to a remainder of {told['delta']}."
        )
    return told


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
