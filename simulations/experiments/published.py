"""What other people published, read from one file: never measured here, and shown apart from what was."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One row of another paper's table.

    Attributes:
        model: as its authors call it.
        data: as the paper calls it.
        protocol: "sampled", "full" or "impressions".
        figures: metric to value, between 0 and 1.
        title, identifier, table: of the paper that printed the figures, its arXiv id or DOI, and the place in it.
        seen: where the figures were read for this file.
        comparable: whether, and why not, they can stand beside Hushrec's.
    """

    model: str
    data: str
    protocol: str
    figures: dict[str, float]
    title: str
    identifier: str
    table: str
    seen: str
    comparable: str

    def to_row(self) -> dict[str, Any]:
        """A row of the table of their protocol."""
        return {
            "model": self.model,
            "data": self.data,
            **{f"{self.protocol} {metric}": value for metric, value in self.figures.items()},
            "source": f"{self.title}, {self.identifier}, {self.table}",
            "beside ours": self.comparable,
        }


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """All of them, in the order of the file."""
    text = resources.files("simulations.experiments").joinpath("published.toml").read_text(encoding="utf-8")
    return tuple(PublishedFigure(**row) for row in tomllib.loads(text)["figure"])
