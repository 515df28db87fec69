"""Several runs on one page: their figures beside each other, and the frontier of privacy and utility."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from simulations.options import Language
from simulations.report.curve import of_headline, runs_curve
from simulations.report.drawing import QUIET, SERIES, WIDTH, Chart, draw, plain_axes
from simulations.report.formatting import cell, epsilon, percent, signed, size
from simulations.report.ladder import interval_of
from simulations.report.language import Words
from simulations.report.page import environment
from simulations.report.result import RunResult, headline
from simulations.report.rows_chart import Row, in_figures, rows_chart, shortened

_HEIGHT, _LEFT, _RIGHT, _ABOVE, _BELOW = 250, 36, 14, 14, 36
_LETTER_ROOM = 1.25  # how far beyond the largest epsilon runs without a promise stand, as a factor


def render_comparison(results: Sequence[RunResult], language: Language | None = None) -> str:
    """The page.

    Args:
        results: of the runs, two or more, read from their folders.
        language: of the page; that of the first run when left out.
    """
    words = Words(language or results[0].language)
    names = run_names([result.out for result in results])
    figure = _shared_figure(results)
    return (
        environment(words)
        .get_template("comparison.html.j2")
        .render(
            names=names,
            lead=_lead(names, results, figure, words),
            alike=len({(result.data, result.seed) for result in results}) == 1,
            figure_name=words.named("figure", figure),
            quality=_quality(names, results, figure, words),
            frontier=frontier_chart(names, results, figure, words),
            curves=runs_curve({name: of_headline(run.curve) for name, run in zip(names, results, strict=True)}, words),
            rows=_table([_column(result, figure, words) for result in results]),
            settings=_differing(results, words),
        )
    )


def run_names(folders: Sequence[Path | None]) -> list[str]:
    """A name for each run: its folder's, without what all paths begin with, so that no two are the same.

    Example:
        >>> run_names([Path("runs/a/8"), Path("runs/b/8")])
        ['a/8', 'b/8']
        >>> run_names([Path("runs/demo-1"), Path("other/demo-2")])
        ['demo-1', 'demo-2']
    """
    paths = [Path(folder or ".").absolute() for folder in folders]
    if len({path.name for path in paths}) == len(paths):
        return [path.name for path in paths]
    common = os.path.commonpath(paths)
    return [path.relative_to(common).as_posix() for path in paths]


def frontier_points(results: Sequence[RunResult], figure: str) -> list[tuple[float | None, float]]:
    """Of each run its epsilon for a person, None without a promise, and its figure."""
    return [(_epsilon(result), float(_value(result, figure) or 0.0)) for result in results]


def frontier_chart(names: Sequence[str], results: Sequence[RunResult], figure: str, words: Words) -> Chart | None:
    """Quality by epsilon; None where all runs promise the same."""
    points = frontier_points(results, figure)
    if len({loss for loss, _ in points}) < 2:
        return None
    losses = sorted({loss for loss, _ in points if loss is not None})
    openly = losses[-1] * (losses[-1] / losses[0]) ** 0.35 * _LETTER_ROOM**2

    def content(drawing: Figure) -> None:
        axes = drawing.add_axes(
            (_LEFT / WIDTH, _BELOW / _HEIGHT, 1 - (_LEFT + _RIGHT) / WIDTH, 1 - (_ABOVE + _BELOW) / _HEIGHT)
        )
        plain_axes(axes)
        axes.set_xscale("log")
        ticks = [*losses, *([openly] if any(loss is None for loss, _ in points) else [])]
        labels = [f"{loss:.3g}" for loss in losses] + [words("no_promise")] * (len(ticks) - len(losses))
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter(labels))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlim(losses[0] / _LETTER_ROOM, ticks[-1] * _LETTER_ROOM)
        axes.set_xlabel(words("epsilon_user"))
        start = results[0].untrained.get(figure.partition(" ")[0])
        if start and start.get(figure.partition(" ")[2]) is not None:
            axes.axhline(start[figure.partition(" ")[2]], color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
        private = sorted((loss, value) for loss, value in points if loss is not None)
        axes.plot(
            [loss for loss, _ in private], [value for _, value in private], color=SERIES[0], linewidth=1.2, alpha=0.5
        )
        for (loss, value), name, result in zip(points, names, results, strict=True):
            at, colour = (openly, SERIES[3]) if loss is None else (loss, SERIES[0])
            around = interval_of(result, "hushrec", figure)
            if around is not None:
                axes.plot([at, at], around, color=colour, linewidth=5, alpha=0.35, solid_capstyle="round")
            axes.plot([at], [value], marker="o", markersize=7, color=colour)
            left = at > (losses[0] * openly) ** 0.5
            aside, side = ((-8, 8), "right") if left else ((8, -12), "left")
            label: Any = {"xytext": aside, "textcoords": "offset points", "fontsize": 9.5, "ha": side, "color": colour}
            axes.annotate(shortened(name), (at, value), **label)

    told = [
        words(
            "frontier_point",
            name=name,
            epsilon=words("no_promise") if loss is None else epsilon(loss),
            value=cell(value),
        )
        for (loss, value), name in zip(points, names, strict=True)
    ]
    return draw("frontier", words("compare_frontier_title"), words.listed(told), _HEIGHT, content)


def _lead(names: Sequence[str], results: Sequence[RunResult], figure: str, words: Words) -> str:
    """Which run ranks best, and whether that is sure by the intervals."""
    values = [value for _, value in frontier_points(results, figure)]
    order = sorted(range(len(values)), key=lambda place: -values[place])
    ends = [interval_of(results[place], "hushrec", figure) for place in order[:2]]
    told = in_figures(values[order[0]], ends[0], words)
    named = {"count": len(results), "best": names[order[0]], "value": f"{words.named('figure', figure)} {told}"}
    meet = ends[0] is None or ends[1] is None or ends[0][0] <= ends[1][1]
    return words("compare_lead_tie", **named, second=names[order[1]]) if meet else words("compare_lead", **named)


def _quality(names: Sequence[str], results: Sequence[RunResult], figure: str, words: Words) -> Chart:
    """Each run, and where it started."""
    way, _, metric = figure.partition(" ")
    rows = []
    for name, result in zip(names, results, strict=True):
        value = float(_value(result, figure) or 0.0)
        rows.append(Row(name, value, interval_of(result, "hushrec", figure), SERIES[0], True))
        start = (result.untrained.get(way) or {}).get(metric)
        if start is not None:
            rows.append(Row(words("model_untrained"), start, interval_of(result, "untrained", figure), QUIET))
    return rows_chart("runs", words("compare_quality"), rows, words)


def _column(result: RunResult, figure: str, words: Words) -> list[tuple[str, str]]:
    """The figures of one run, as the table shows them."""
    learnt = result.learnt.get("sampled") or {}
    gain = signed(learnt.get("ndcg@10"))
    if learnt.get("ndcg@10") is not None:
        gain += f" ({words('interval', low=signed(learnt['low']), high=signed(learnt['high']))})"
    kept = result.kept
    around = "" if kept is None else words("interval", low=percent(kept["low"]), high=percent(kept["high"]))
    return [
        (words("data"), result.data),
        (words("people"), cell(result.users)),
        (words("seed"), str(result.seed)),
        (words("rounds"), cell(result.rounds)),
        (words("epsilon_user"), epsilon(_epsilon(result))),
        (words("epsilon_event"), epsilon((result.privacy.get("event") or {}).get("epsilon"))),
        *(
            (words.named("figure", one), in_figures(_value(result, one), interval_of(result, "hushrec", one), words))
            for one in (figure, "full ndcg@10")
        ),
        (words("learnt"), gain),
        *([] if kept is None else [(words("compare_kept"), f"{percent(kept['mean'])} ({around})")]),
        (words("bytes"), size(result.cost.get("upload_bytes_per_client"))),
    ]  # fmt: skip


def _table(columns: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[str, list[str]]]:
    """A row for each figure that any run has."""
    figures = [dict(column) for column in columns]
    names = dict.fromkeys(name for column in figures for name in column)
    return [(name, [column.get(name, cell(None)) for column in figures]) for name in names]


def _differing(results: Sequence[RunResult], words: Words) -> list[tuple[str, list[str]]]:
    """Settings of the federation files that are not the same in all runs."""
    files = [dict(_flat(tomllib.loads(result.federation_toml))) for result in results]
    keys = dict.fromkeys(key for file in files for key in file if not key.startswith("training.reasons"))
    return [
        (key, [_setting(file.get(key), words) for file in files])
        for key in keys
        if len({repr(file.get(key)) for file in files}) > 1
    ]


def _setting(value: Any, words: Words) -> str:
    return words.listed(list(map(str, value))) if isinstance(value, list) else cell(value)


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        flat += _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else [(before + key, value)]
    return flat


def _shared_figure(results: Sequence[RunResult]) -> str:
    """The headline, where all runs have it."""
    if all(result.impressions is not None and result.impressions.get("auc") is not None for result in results):
        return headline({"impressions auc": None})
    return headline({})


def _value(result: RunResult, figure: str) -> float | None:
    way, _, metric = figure.partition(" ")
    figures = result.impressions if way == "impressions" else result.metrics.get(way)
    value = (figures or {}).get(metric)
    return None if value is None else float(value)


def _epsilon(result: RunResult) -> float | None:
    loss = (result.privacy.get("user") or {}).get("epsilon")
    return None if loss is None else float(loss)
