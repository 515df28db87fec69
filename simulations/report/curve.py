"""Learning curves: the picture of a run's folder, and charts of its page. They draw what was measured, unsmoothed."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulations.report.drawing import DASHES, QUIET, SERIES, WIDTH, Chart, apart, draw, plain_axes
from simulations.report.formatting import cell
from simulations.report.ladder import ITEM_ID
from simulations.report.language import Words
from simulations.report.parts import CurvePoint
from simulations.report.result import RunResult, headline
from simulations.report.rows_chart import in_figures, shortened

_HEIGHT, _LEFT, _RIGHT, _ABOVE, _BELOW = 250, 34, 104, 8, 34
_BESIDE = 13.0  # from one label at the right to the next
_MODELS = ("hushrec", "popularity", "zero-shot")

Dots = list[tuple[float, float, tuple[float, float] | None]]


def series(curve: Sequence[CurvePoint]) -> dict[str, Dots]:
    """Metric -> (round, value, its interval), leaving out what was not measured."""
    lines: dict[str, Dots] = {}
    for point in curve:
        for name, value in point.metrics.items():
            if value is not None:
                lines.setdefault(name, []).append((point.round, value, point.interval))
    return lines


def of_headline(curve: Sequence[CurvePoint]) -> dict[str, Dots]:
    """The headline metric alone, and what devices themselves measure of it, noise and all; each with its intervals."""
    shown = headline({name: None for point in curve for name in point.metrics})
    found = series(curve)
    return {name: found[name] for name in (shown, f"federated {shown.partition(' ')[2]}") if name in found}


def rules_of(result: RunResult) -> dict[str, float]:
    """What the curve is compared with: its start and other models on the same part; of those by id the best."""
    lines = of_headline(result.curve)
    start = {"untrained": next(iter(lines.values()))[0][1]} if lines else {}
    by_id = {name: result.rules[name] for name in ITEM_ID if name in result.rules}
    best = {max(by_id, key=lambda name: by_id[name]): max(by_id.values())} if by_id else {}
    others = {name: result.rules[name] for name in ("popularity", "zero-shot", "central") if name in result.rules}
    return start | others | best


def learning_curve(result: RunResult, words: Words) -> Chart | None:
    """The headline metric on the validation part from round 0 on, with rules; None where no round was evaluated."""
    lines = of_headline(result.curve)
    if not lines:
        return None
    rules = rules_of(result)
    names = {name: words("curve_federated" if name.startswith("federated") else "curve_ours") for name in lines}

    def content(figure: Figure) -> None:
        axes = _axes(figure)
        labels = []
        for name, value in rules.items():
            axes.axhline(value, color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
            labels.append((value, words.named("model", name), QUIET))
        for number, (name, dots) in enumerate(lines.items()):
            _draw_dots(axes, dots, SERIES[(0, 2)[number]], number == 0)
            labels.append((dots[-1][1], names[name], SERIES[(0, 2)[number]]))
        _label(axes, labels)
        axes.set_xlabel(words("round"))

    told = [_told(names[name], dots, words) for name, dots in lines.items()]
    told += [words("rule_at", name=words.named("model", name), value=cell(value)) for name, value in rules.items()]
    title = words("curve_title", figure=words.named("figure", next(iter(lines))))
    return draw("curve", title, words.listed(told), _HEIGHT, content)


def newcomers_chart(rows: Sequence[Mapping[str, object]], words: Words) -> Chart | None:
    """How well new people's next events are ranked after their first few; None where nobody was asked."""
    lines = newcomers(rows)
    if not lines:
        return None

    def content(figure: Figure) -> None:
        axes = _axes(figure)
        labels = []
        for number, (name, dots) in enumerate(lines.items()):
            aside = 0.06 * (number - 1)  # so that intervals do not hide one another
            _draw_dots(axes, [(x + aside, value, around) for x, value, around in dots], SERIES[number], False, number)
            labels.append((dots[-1][1], words.named("model", name), SERIES[number]))
        axes.set_xticks(sorted({round(x) for dots in lines.values() for x, _, _ in dots}))
        _label(axes, labels)
        axes.set_xlabel(words("events_so_far"))

    told = [_told(words.named("model", name), dots, words) for name, dots in lines.items()]
    return draw("newcomers", words("newcomers_title"), words.listed(told), _HEIGHT, content)


def runs_curve(runs: Mapping[str, Mapping[str, Dots]], words: Words) -> Chart | None:
    """The headline metric of several runs, by round or, where they have more and fewer, by the share of their rounds.

    None where no round of any was evaluated.
    """
    lines = {name: next(iter(found.values())) for name, found in runs.items() if found}
    if not lines:
        return None
    alike = len({dots[-1][0] for dots in lines.values()}) == 1

    def content(figure: Figure) -> None:
        axes = _axes(figure)
        labels = []
        for number, (name, dots) in enumerate(lines.items()):
            colour = SERIES[number % len(SERIES)]
            whole = 1.0 if alike else max(dots[-1][0], 1.0) / 100
            placed = [(x / whole, value, around) for x, value, around in dots]
            _draw_dots(axes, placed, colour, True, number % len(DASHES), 0.08)
            labels.append((dots[-1][1], name, colour))
        _label(axes, labels)
        axes.set_xlabel(words("round" if alike else "share_of_rounds"))

    told = [_told(name, dots, words) for name, dots in lines.items()]
    return draw("curves", words("compare_curves"), words.listed(told), _HEIGHT, content)


def newcomers(rows: Sequence[Mapping[str, object]]) -> dict[str, Dots]:
    """A line per model over the number of events, with intervals."""
    lines: dict[str, Dots] = {name: [] for name in _MODELS}
    for row in rows:
        value, low, high = row["sampled ndcg@10"], row["low"], row["high"]
        if isinstance(value, float) and str(row["model"]) in lines:
            around = (low, high) if isinstance(low, float) and isinstance(high, float) else None
            lines[str(row["model"])].append((float(str(row["events"])), value, around))
    return {name: dots for name, dots in lines.items() if dots}


def picture(lines: Mapping[str, Dots], title: str) -> bytes:
    """Curves as a PNG of 1,440 by 720 pixels."""
    figure = Figure(figsize=(9, 4.5), dpi=160, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (name, dots) in enumerate(lines.items()):
        colour = f"C{number}"
        axes.plot([x for x, _, _ in dots], [value for _, value, _ in dots], marker=".", label=name, color=colour)
        _band(axes, dots, 0.15, colour)
    axes.set_title(title, parse_math=False)
    axes.set_xlabel("round")
    axes.set_ylabel("validation, with 95 % interval")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "no round was evaluated", ha="center", transform=axes.transAxes)
    stream = io.BytesIO()
    canvas.print_png(stream)
    return stream.getvalue()


def _told(name: str, dots: Dots, words: Words) -> str:
    first, last = (in_figures(value, around, words) for _, value, around in (dots[0], dots[-1]))
    return words("line_from_to", name=name, first=first, last=last)


def _band(axes: Axes, dots: Dots, alpha: float, colour: str) -> None:
    """Shade the intervals of a line."""
    around = [(x, *ends) for x, _, ends in dots if ends is not None]
    xs, lows, highs = ([one[part] for one in around] for part in range(3))
    axes.fill_between(xs, lows, highs, color=colour, alpha=alpha, linewidth=0)


def _axes(figure: Figure) -> Axes:
    room = (_LEFT / WIDTH, _BELOW / _HEIGHT, 1 - (_LEFT + _RIGHT) / WIDTH, 1 - (_ABOVE + _BELOW) / _HEIGHT)
    axes = figure.add_axes(room)
    plain_axes(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return axes


def _draw_dots(axes: Axes, dots: Dots, colour: str, joined: bool, dash: int = 0, alpha: float = 0.16) -> None:
    """A line with a band around it, or dots with whiskers where few were measured."""
    xs, values = [x for x, _, _ in dots], [value for _, value, _ in dots]
    if joined:
        _band(axes, dots, alpha, colour)
    else:
        for x, ends in ((x, ends) for x, _, ends in dots if ends is not None):
            axes.plot([x, x], ends, color=colour, linewidth=1.2, alpha=0.6)
    width = 2.0 if joined else 1.4
    axes.plot(xs, values, color=colour, linewidth=width, linestyle=DASHES[dash], marker="o", markersize=4)


def _label(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the right edge, each as near to the end of its line as there is room."""
    low, high = axes.get_ylim()
    least = _BESIDE * (high - low) / (_HEIGHT - _ABOVE - _BELOW)
    places = apart([value for value, _, _ in labels], least)
    for place, (_, name, colour) in zip(places, labels, strict=True):
        beside = axes.get_yaxis_transform()
        axes.text(1.02, place, shortened(name), transform=beside, va="center", color=colour, clip_on=False)
    axes.set_ylim(low, high)
