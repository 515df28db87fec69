"""The ladder: this run among models that get to see less and more than sums under noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulations.report.drawing import QUIET, SERIES, Chart
from simulations.report.language import Words
from simulations.report.parts import Interval
from simulations.report.result import RunResult
from simulations.report.rows_chart import Row, rows_chart

ITEM_ID = ("item-knn", "ease", "ials", "bpr")
# From below to above: what is expected to rank worse stands first.
_ORDER = ("popularity", "zero-shot", "local-only", "untrained", "hushrec", "without privacy", "central")
_SIGHTS = {
    "zero-shot": "catalogue",
    "untrained": "catalogue",
    "local-only": "device",
    "without privacy": "vectors",
    "popularity": "clicks",
    "central": "clicks",
    **dict.fromkeys(ITEM_ID, "clicks"),
}
SIGHT_COLOURS = {"catalogue": QUIET, "device": SERIES[2], "sums": SERIES[0], "vectors": SERIES[3], "clicks": SERIES[1]}


@dataclass(frozen=True, slots=True)
class Rung:
    """One model of the ladder.

    Attributes:
        model: its name in `RunResult.table`.
        sight: what it is made from: "catalogue", "device" (one person's log alone), "sums" (under noise), "vectors"
            (what each device sends) or "clicks" (all of them in one place).
        value: the figure.
        interval: 95 % over people; None where nobody computed it.
    """

    model: str
    sight: str
    value: float
    interval: Interval | None


def rungs(result: RunResult, part: str, metric: str) -> list[Rung]:
    """The models that have this figure, lowest rung first; of the baselines that know items by their ids the best."""
    measured = {row["model"]: row.get(f"{part} {metric}") for row in result.table()}
    figures = {name: float(value) for name, value in measured.items() if value is not None}
    by_id = {name: figures[name] for name in ITEM_ID if name in figures}
    best = [max(by_id, key=lambda name: by_id[name])] if by_id else []
    return [
        Rung(name, sight_of(name, result.privacy), figures[name], interval_of(result, name, f"{part} {metric}"))
        for name in (*_ORDER, *best)
        if name in figures
    ]


def interval_of(result: RunResult, model: str, figure: str) -> Interval | None:
    """The 95 % interval of a model's figure; None where nobody computed it."""
    ends = result.intervals.get(model, {}).get(figure)
    if ends is None or ends[0] is None or ends[1] is None:
        return None
    return float(ends[0]), float(ends[1])


def ladder_chart(result: RunResult, part: str, metric: str, words: Words) -> Chart | None:
    """The ladder in one figure; None where no model has it."""
    steps = rungs(result, part, metric)
    if not steps:
        return None
    rows = [
        Row(
            words.named("model", step.model),
            step.value,
            step.interval,
            SIGHT_COLOURS[step.sight],
            step.model == "hushrec",
        )
        for step in steps
    ]
    untrained = next((step.value for step in steps if step.model == "untrained"), None)
    title = words("ladder_of", figure=words.named("figure", f"{part} {metric}"))
    return rows_chart(f"ladder-{part}", title, rows, words, untrained)


def sight_of(model: str, privacy: Mapping[str, Mapping[str, Any] | None]) -> str:
    """What a model is made from: a key of `SIGHT_COLOURS`."""
    if model == "hushrec":
        return "sums" if (privacy.get("user") or {}).get("epsilon") is not None else "vectors"
    return _SIGHTS[model]
