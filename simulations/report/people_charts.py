"""Charts of people and of what interests them: one person through time, groups of people, the map of concepts."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.report.drawing import EDGE, INK, QUIET, SERIES, WIDTH, Chart, draw, plain_axes
from simulations.report.formatting import percent
from simulations.report.language import Words
from simulations.report.parts import ConceptMap, FairnessGroup, Journey
from simulations.report.rows_chart import Row, rows_chart, shortened

_ROW, _BELOW, _SIDE = 40, 30, 10
_MAP, _LABELS, _LETTER, _TALL = 330, 24, 5.8, 0.021
_NAME = 44


def journey_chart(journey: Journey, words: Words) -> Chart | None:
    """How much of a person's interest each concept had, event by event; None without concepts."""
    if not journey.concepts:
        return None
    height = _ROW * len(journey.concepts) + _BELOW
    tallest = max(max(row) for row in journey.shares) or 1.0

    def content(figure: Figure) -> None:
        axes = figure.add_axes((_SIDE / WIDTH, _BELOW / height, 1 - 2 * _SIDE / WIDTH, 1 - _BELOW / height))
        plain_axes(axes, "")
        axes.set_yticks([])
        axes.set_ylim(len(journey.concepts), 0)
        axes.set_xlim(journey.moments[0], max(journey.moments[-1], journey.moments[0] + 1))
        for place, (name, shares) in enumerate(zip(journey.concepts, journey.shares, strict=True)):
            ground = place + 1.0
            tops = ground - 0.5 * np.asarray(shares) / tallest
            axes.fill_between(journey.moments, tops, ground, color=SERIES[0], alpha=0.3, linewidth=0)
            axes.plot(journey.moments, tops, color=SERIES[0], linewidth=1.4)
            axes.axhline(ground, color=EDGE, linewidth=0.8)
            axes.plot([journey.early] * 2, [ground - 0.42, ground], color=QUIET, linewidth=1, linestyle=(0, (2, 2)))
            above, across = place + 0.3, axes.get_yaxis_transform()
            axes.text(0.0, above, shortened(name, _NAME), transform=across, color=INK, va="center")
            axes.text(1.0, above, percent(shares[-1]), transform=across, color=QUIET, va="center", ha="right")
        axes.set_xlabel(words("events_of_theirs"))

    told = [
        words("share_from_to", name=name, first=percent(shares[0]), last=percent(shares[-1]))
        for name, shares in zip(journey.concepts, journey.shares, strict=True)
    ]
    return draw("journey", words("journey_title"), words.listed(told), height, content)


def fairness_chart(groups: Sequence[FairnessGroup], words: Words) -> Chart | None:
    """Groups of people under one another; None where none is large enough to be spoken of."""
    rows = [
        Row(words.named("group", group.name), group.mean, group.interval, SERIES[0])
        for group in groups
        if group.mean is not None
    ]
    return rows_chart("fairness", words("fairness_title"), rows, words) if rows else None


def concept_chart(places: ConceptMap, own: Sequence[str], words: Words) -> Chart:
    """The map of concepts.

    Args:
        places: where they lie.
        own: names of those that are marked as an example person's.
        words: of the page.
    """

    def content(figure: Figure) -> None:
        axes = figure.add_axes((0.05, 0.05, 0.9, 0.9))
        axes.set_axis_off()
        axes.set_xlim(-0.06, 1.06)
        axes.set_ylim(-0.06, 1.06)
        for one, another, _ in places.follows:
            ends = [(places.places[number].x, places.places[number].y) for number in (one, another)]
            arrow = {"arrowstyle": "->", "color": SERIES[1], "shrinkA": 6, "shrinkB": 6, "linewidth": 1.2}
            axes.annotate("", xy=ends[1], xytext=ends[0], arrowprops=arrow)
        most = max(place.share for place in places.places) or 1.0
        for place in places.places:
            colour = SERIES[2] if place.name in own else SERIES[0]
            wide = 3 + 9 * (place.share / most) ** 0.5
            axes.plot([place.x], [place.y], "o", markersize=wide, color=colour, alpha=0.7, markeredgewidth=0)
        _label(axes, places, own)

    told = [
        words("concept_share", name=place.name, share=percent(place.share)) for place in places.places[:_LABELS]
    ] + [
        words("concept_follows", one=places.places[one].name, other=places.places[other].name)
        for one, other, _ in places.follows
    ]
    return draw("concepts", words("concepts_title"), words.listed(told), _MAP, content)


def _label(axes: Axes, places: ConceptMap, own: Sequence[str]) -> None:
    """Names of the person's and of the largest, as many as have room."""
    taken: list[tuple[float, float, float, float]] = [
        (at.x - 0.012, at.x + 0.012, at.y - 0.012, at.y + 0.012) for at in places.places
    ]
    named = 0
    for place in sorted(places.places, key=lambda place: place.name not in own):
        text = shortened(place.name.partition(" · ")[0], 16)
        wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in text) * _LETTER / (0.9 * WIDTH) * 1.12
        sides = {"left": (place.x + 0.03, place.y), "right": (place.x - 0.03 - wide, place.y)}
        sides |= {"above": (place.x - wide / 2, place.y + 0.045), "below": (place.x - wide / 2, place.y - 0.045)}
        for side, (left, middle) in sides.items():
            box = (left, left + wide, middle - _TALL, middle + _TALL)
            if box[0] >= -0.06 and box[1] <= 1.06 and named < _LABELS and not any(_meet(box, other) for other in taken):
                taken.append(box)
                named += 1
                x, anchor = {"left": (left, "left"), "right": (left + wide, "right")}.get(side, (place.x, "center"))
                axes.text(x, middle, text, ha=anchor, va="center", color=INK, fontsize=9.5)
                break


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
