"""Figures under one another, each with its interval: the form that ladders, groups and compared runs share."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulations.report.drawing import EDGE, INK, QUIET, WIDTH, Chart, draw, plain_axes
from simulations.report.formatting import cell
from simulations.report.language import Words
from simulations.report.parts import Interval

_ROW, _BELOW = 26, 22
_LEFT, _RIGHT = 112, 46
_LONGEST = 19  # letters of a label; wide ones count double


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        label: what it is of.
        value: the figure.
        interval: 95 %; None where there is none.
        colour: one of `drawing.COLOURS`.
        ours: whether it is what the report is about.
    """

    label: str
    value: float
    interval: Interval | None
    colour: str
    ours: bool = False


def rows_chart(name: str, title: str, rows: Sequence[Row], words: Words, rule: float | None = None) -> Chart:
    """Draw figures under one another, with an upright rule to compare them with, if one is given."""
    height = _ROW * len(rows) + _BELOW

    def content(figure: Figure) -> None:
        axes = figure.add_axes((_LEFT / WIDTH, _BELOW / height, 1 - (_LEFT + _RIGHT) / WIDTH, 1 - _BELOW / height))
        plain_axes(axes, "x")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(4))
        ends = [end for row in rows for end in (row.value, *(row.interval or ()))]
        margin = 0.04 * ((max(ends) - min(ends)) or 1.0)
        axes.set_xlim(min(0.0, *ends) - margin * (min(ends) < 0), max(ends) + margin)
        if rule is not None:
            axes.axvline(rule, color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
        for place, row in enumerate(rows):
            _draw_row(axes, place, row)

    told = [
        words("figure_with_interval", name=row.label, value=in_figures(row.value, row.interval, words)) for row in rows
    ]
    return draw(name, title, words.listed(told), height, content)


def in_figures(value: float | None, interval: Sequence[float | None] | None, words: Words) -> str:
    """A figure and its interval in words."""
    if value is None or interval is None or interval[0] is None or interval[1] is None:
        return cell(value)
    return f"{cell(value)} ({words('interval', low=cell(interval[0]), high=cell(interval[1]))})"


def shortened(text: str, most: int = _LONGEST) -> str:
    """A label that has room: letters of Chinese and the like are as wide as two."""
    room = most
    for place, letter in enumerate(text):
        room -= 2 if ord(letter) > 0x2E80 else 1
        if room < 0:
            return text[: max(1, place - 1)].rstrip() + "…"
    return text


def _draw_row(axes: Axes, place: int, row: Row) -> None:
    weight = "bold" if row.ours else "normal"
    if row.interval is not None:
        axes.plot(row.interval, [place, place], color=row.colour, linewidth=5, alpha=0.35, solid_capstyle="round")
    axes.plot([row.value], [place], marker="o", markersize=8 if row.ours else 6, color=row.colour)
    beside = axes.get_yaxis_transform()
    axes.text(
        -0.02, place, shortened(row.label), transform=beside, ha="right", va="center", color=INK, fontweight=weight
    )
    axes.text(1.02, place, cell(row.value), transform=beside, ha="left", va="center", color=INK, fontweight=weight)
    axes.axhline(place + 0.5, color=EDGE, linewidth=0.5)
