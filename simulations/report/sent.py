"""What left a device: how often, how much, and one vector as it was, noised, and masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from shared.tasks import TASKS, Task
from simulations.report.drawing import INK, QUIET, SERIES, Chart, draw
from simulations.report.formatting import cell, size
from simulations.report.language import Words

_STRIP, _WORDS, _GAP = 24, 20, 12
_TONES = 12  # that a cell may have: few styles keep the page small


@dataclass(frozen=True, slots=True)
class SentKind:
    """One kind of vector.

    Attributes:
        task: what it is for.
        times: sums that were held, skipped ones left out.
        each: bytes of one device's answer in the sums without masks; None where all were masked, or none was held.
        masked: bytes of all that a device sends for one masked sum; None where none was.
        numbers: in the vector; None where none was masked.
    """

    task: Task
    times: int
    each: float | None
    masked: int | None
    numbers: int | None


def sent_kinds(rows: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> list[SentKind]:
    """What devices sent in a run, by task.

    Args:
        rows: a row for each sum, as `RunResult.rounds_table`.
        answers: what one device sent under masks, as `RunResult.answers`.
    """
    watched = {answer["task"]: answer for answer in answers}
    kinds = []
    for task in TASKS:
        held = [row for row in rows if row["task"] == task and not row["skipped"]]
        if held:
            answer = watched.get(task)
            masked = None if answer is None else sum(count for _, count in answer["messages"])
            each = [row["upload_bytes"] / row["answered"] for row in held if row["answered"]]
            least = min(each, default=None)
            open_each = None if masked is not None and least is not None and least > 0.5 * masked else least
            kinds.append(SentKind(task, len(held), open_each, masked, None if answer is None else answer["dimension"]))
    return kinds


def shown_answer(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The answer whose vector is drawn: a count, which is easiest to read, where there is one."""
    by_task = {answer["task"]: answer for answer in answers}
    return next((by_task[task] for task in ("statistics", "update", "evaluation") if task in by_task), None)


def strips_chart(answer: Mapping[str, Any], words: Words) -> Chart:
    """One stretch of a device's vector: before noise, with noise, and as it left."""
    strips = [answer[name] for name in ("plain", "noised", "masked")]
    largest = max(map(abs, strips[1]), default=0.0)
    told = [
        words("strip_plain", most=cell(max(map(abs, strips[0]), default=0.0))),
        words("strip_noised", most=cell(largest)),
        words("strip_masked"),
    ]
    height = 3 * (_STRIP + _WORDS + _GAP)

    def content(figure: Figure) -> None:
        for number, (values, sentence) in enumerate(zip(strips, told, strict=True)):
            ground = height - (number + 1) * (_STRIP + _WORDS + _GAP) + _GAP
            axes = figure.add_axes((0.005, ground / height, 0.99, _STRIP / height))
            most = 1.0 if number == 2 else max(map(abs, values), default=0.0) or 1.0
            _strip(axes, [value / most for value in values], number)
            above = (ground + _STRIP + _WORDS / 2) / height
            figure.text(0.005, above, sentence, color=INK, va="center")

    return draw("strips", words("strips_title"), words.listed(told), height, content)


def message_rows(answer: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """The messages that one answer is made of, and the bytes of each."""
    return [(words.named("message", kind.replace(".", " ")), size(count)) for kind, count in answer["messages"]]


def _strip(axes: Axes, shares: Sequence[float], number: int) -> None:
    """Cells: the more of a colour, the farther from zero; another colour below zero."""
    axes.set_axis_off()
    axes.set_xlim(0, len(shares))
    axes.set_ylim(0, 1)
    for place, share in enumerate(shares):
        tone = round(_TONES * min(1.0, abs(share))) / _TONES
        colour = QUIET if number == 2 else SERIES[1] if share < 0 else SERIES[0]
        axes.axvspan(place, place + 0.9, facecolor=(*to_rgb(colour), tone), edgecolor="none", linewidth=0)
    axes.plot([0, len(shares)], [0, 0], color=QUIET, linewidth=0.8)
