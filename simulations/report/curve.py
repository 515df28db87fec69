"""The learning curve, as a PNG and as the geometry of an inline SVG. It draws what it is given, unsmoothed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simulations.report.result import CurvePoint, headline

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 36


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in pixels."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One metric: its dots in pixels and its last value."""

    name: str
    dots: tuple[tuple[float, float], ...]
    last: float

    @property
    def points(self) -> str:
        """The `points` attribute of a polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.dots)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines and axes, ready to be placed in an SVG of WIDTH by HEIGHT."""

    lines: tuple[Line, ...]
    rounds: tuple[Tick, ...]
    values: tuple[Tick, ...]
    band: str  # the `points` of the polygon around the first line; empty without intervals


def series(curve: Sequence[CurvePoint]) -> dict[str, list[tuple[int, float]]]:
    """Metric -> (round, value), leaving out what was not measured."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for point in curve:
        for name, value in point.metrics.items():
            if value is not None:
                lines.setdefault(name, []).append((point.round, value))
    return lines


def draw_curve(curve: Sequence[CurvePoint]) -> Drawing | None:
    """Place the curve in pixels; None where no round was evaluated."""
    lines = series(curve)
    if not lines:
        return None
    rounds = [number for line in lines.values() for number, _ in line]
    around = [(point.round, *point.interval) for point in curve if point.interval is not None]
    values = [value for line in lines.values() for _, value in line] + [end for _, *ends in around for end in ends]
    round_ticks = _ticks(min(rounds), max(rounds), integer=True)
    value_ticks = _ticks(min(values), max(values), integer=False)

    def x(number: float) -> float:
        return _place(number, min(rounds), max(rounds), LEFT, WIDTH - RIGHT)

    def y(value: float) -> float:
        return _place(value, value_ticks[0], value_ticks[-1], HEIGHT - BOTTOM, TOP)

    return Drawing(
        tuple(Line(name, tuple((x(n), y(v)) for n, v in line), line[-1][1]) for name, line in lines.items()),
        tuple(Tick(x(n), f"{n:.0f}") for n in round_ticks if min(rounds) <= n <= max(rounds)),
        tuple(Tick(y(v), f"{v:.3g}") for v in value_ticks),
        " ".join(
            f"{x(number):.1f},{y(value):.1f}"
            for number, value in [*((n, high) for n, _, high in around), *((n, low) for n, low, _ in reversed(around))]
        ),
    )


def of_headline(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """The headline metric alone, with its interval; and what devices themselves measure of it, noise and all."""
    shown = headline({name: None for point in curve for name in point.metrics})
    kept = (shown, f"federated {shown.partition(' ')[2]}")
    chosen = [replace(point, metrics={n: v for n, v in point.metrics.items() if n in kept}) for point in curve]
    return sorted((point for point in chosen if point.metrics), key=lambda point: kept.index(next(iter(point.metrics))))


def picture(curve: Sequence[CurvePoint], title: str) -> bytes:
    """The curve as a PNG of 1,440 by 720 pixels."""
    figure = Figure(figsize=(9, 4.5), dpi=160, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, line in series(curve).items():
        axes.plot([n for n, _ in line], [v for _, v in line], marker=".", label=name)
    around = [(point.round, *point.interval) for point in curve if point.interval is not None]
    if around:
        numbers, lows, highs = zip(*around, strict=True)
        axes.fill_between(numbers, lows, highs, alpha=0.15, label="95 % interval over people")
    axes.set_title(title, parse_math=False)
    axes.set_xlabel("round")
    axes.set_ylabel("validation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "no round was evaluated", ha="center", transform=axes.transAxes)
    stream = io.BytesIO()
    canvas.print_png(stream)
    return stream.getvalue()


def _ticks(low: float, high: float, integer: bool) -> list[float]:
    """Round numbers that enclose low and high."""
    if low == high:
        high = low + (1 if integer else abs(low) * 0.1 or 0.1)
    return [float(tick) for tick in MaxNLocator(nbins=6, integer=integer).tick_values(low, high)]


def _place(value: float, low: float, high: float, start: float, end: float) -> float:
    share = 0.5 if low == high else (value - low) / (high - low)
    return start + share * (end - start)
