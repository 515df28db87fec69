"""The picture of what a promise costs: quality over epsilon, one line for each data set, the seeds as dots."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_METRIC = "sampled ndcg@10"


def draw_frontier(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The picture as a PNG.

    Args:
        rows: {"data", "seed", "epsilon" (a number as text, or "none"), "sampled ndcg@10"}; means over seeds
            and rows without that figure are left out.
    """
    asked = [row for row in rows if row.get(_METRIC) is not None and row["seed"] != "mean"]
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for number, data in enumerate(dict.fromkeys(row["data"] for row in asked)):
        own = [row for row in asked if row["data"] == data]
        epsilons = sorted({float(row["epsilon"]) for row in own if row["epsilon"] != "none"})
        places = [f"{epsilon:g}" for epsilon in epsilons] + ["none"] * any(row["epsilon"] == "none" for row in own)
        values = [[row[_METRIC] for row in own if row["epsilon"] == place] for place in places]
        colour = f"C{number}"
        axes.plot(places, [sum(found) / len(found) for found in values], color=colour, label=data)
        for place, found in zip(places, values, strict=True):
            axes.plot([place] * len(found), found, ".", color=colour)
    axes.set_xlabel("epsilon of a device's whole life")
    axes.set_ylabel("sampled nDCG@10, test part")
    axes.legend(frameon=False)
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()
