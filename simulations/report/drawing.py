"""Charts by Matplotlib as SVG that stands inside a page: text stays text, and colours are the page's own.

Matplotlib writes colours as numbers. Each colour here is a number that stands for a custom property of the page's style
sheet, and is replaced by it: so one chart serves both colour schemes.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH = 360  # of a chart in its own units, in which letters are 11 high: what a phone shows as it is
_LETTERS = 11.0
_ROUNDING = 1e-12
_NAMES = ("ink", "quiet", "edge", "card", "c0", "c1", "c2", "c3", "c4", "c5")
# Colours that no palette gives, each for a custom property of the style sheet.
COLOURS = {name: f"#01020{number:x}" for number, name in enumerate(_NAMES)}
PROPERTIES = {number: name for name, number in COLOURS.items()}
INK, QUIET, EDGE, CARD, *SERIES = COLOURS.values()
DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-", (0, (6, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 3)), (0, (1, 3)),
)  # fmt: skip

Draw = Callable[[Figure], None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the page takes it in.

    Attributes:
        svg: one SVG element, safe to be placed as it is.
        words: what it shows, for who does not see it.
    """

    svg: str
    words: str


def draw(name: str, title: str, words: str, height: float, content: Draw) -> Chart:
    """Draw a chart.

    Args:
        name: unique on the page.
        title: for a screen reader.
        words: what there is to be seen, with its figures.
        height: in the units of `WIDTH`.
        content: draws into a figure of that size.
    """
    with _style(name):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        content(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True)
    return Chart(_inline(stream.getvalue(), name, title, words), words)


def plain_axes(axes: Axes, grid: str = "y") -> None:
    """Axes without a frame, their grid behind what they show."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, colors=QUIET, labelcolor=QUIET, pad=4)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=EDGE, linewidth=0.8)  # type: ignore[arg-type]


def apart(values: Sequence[float], least: float) -> list[float]:
    """Places for labels as near to their values as can be, each so far from the next at least.

    Example:
        >>> apart([0.5, 0.5, 0.9], 0.2)
        [0.4, 0.6, 0.9]
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    groups: list[list[int]] = []
    for place in order:
        groups.append([place])
        while (
            len(groups) > 1
            and _span(groups[-1], values, least)[0] < _span(groups[-2], values, least)[1] + least - 1e-12
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    found = list(values)
    for group in groups:
        first = _span(group, values, least)[0]
        for number, place in enumerate(group):
            found[place] = round(first + number * least, 10)
    return found


def _span(group: Sequence[int], values: Sequence[float], least: float) -> tuple[float, float]:
    """From the first to the last label of a group that stands around its mean."""
    middle, half = sum(values[place] for place in group) / len(group), (len(group) - 1) * least / 2
    return middle - half, middle + half


@contextmanager
def _style(name: str) -> Iterator[None]:
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": _LETTERS,
        "text.color": INK,
        "axes.labelcolor": QUIET,
        "axes.titlesize": _LETTERS,
        "text.parse_math": False,
        "path.simplify": False,
    }
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the reader's browser has the letters
        yield


def _inline(svg: str, name: str, title: str, words: str) -> str:
    """An SVG element without head, metadata, fonts, names of elements that nothing points at, and fixed colours."""
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    pointed = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in pointed else "", body)
    body = body.replace("xlink:href", "href")
    body = re.sub(r"<defs>\s*<style.*?</defs>\s*", "", body, count=1, flags=re.DOTALL)  # it would style the whole page
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"font: ([0-9.]+px) [^;\"]*", r"font-size: \1", body)
    for role, number in COLOURS.items():
        body = body.replace(number, f"var(--{role})")
    box = re.search(r'viewBox="[^"]*"', body)
    if box is None:
        raise RuntimeError("chart: expected an SVG with a viewBox, got another")
    head = (
        f'<svg class="chart" {box[0]} role="img" aria-labelledby="{name}-title {name}-words">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(words)}</desc>'
    )
    return head + body[body.index(">") + 1 :]
