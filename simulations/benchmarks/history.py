"""Figures kept commit by commit, drawn as one self-contained page: how each ratio went."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from simulations.benchmarks.comparison import numbers_of

_WIDTH, _HEIGHT, _MARGIN = 400, 60, 8  # of a drawing, in its own units


@dataclass(frozen=True, slots=True)
class KeptFigures:
    """What one run of benchmarks printed as JSON.

    Attributes:
        name: of the file, which is the commit.
        when: of the run, UTC.
        processor: it ran on.
        ratios: of paths that were timed in turn, by benchmark and figure; times themselves say little later.
    """

    name: str
    when: str
    processor: str
    ratios: dict[str, float]


def read_history(folder: Path) -> list[KeptFigures]:
    """All that is kept in a folder, oldest first.

    Raises:
        Misconfigured: there is nothing.
        Corrupt: a file is none that `bench --json` wrote.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise Misconfigured(f"--history {folder}: expected files that `bench --json` wrote, found none")
    return sorted((_read(path) for path in paths), key=lambda kept: kept.when)


def write_history_page(history: Sequence[KeptFigures], path: Path) -> None:
    """Write the page, in one piece or not at all.

    Raises:
        Misconfigured: the file cannot be written.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("simulations.benchmarks"), PackageLoader("simulations.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = dict.fromkeys(name for kept in history for name in kept.ratios)
    page = environment.get_template("history.html.j2").render(
        history=history,
        figures=[(name, _line([kept.ratios.get(name) for kept in history])) for name in names],
        width=_WIDTH,
        height=_HEIGHT,
    )
    write_atomically(path, page.encode())


def _read(path: Path) -> KeptFigures:
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").strip().splitlines()[-1])
        ratios = {
            name: value
            for name, value in numbers_of(said["benchmarks"])
            if "ratio" in name.rpartition(", ")[2] or "speed-up" in name.rpartition(", ")[2]
        }
        return KeptFigures(path.stem, said["machine"]["when"], said["machine"]["processor"], ratios)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Corrupt(
            f"{path}: expected what `bench --json` printed, got something else ({type(error).__name__}); remove it or "
            "write it again"
        ) from None


def _line(values: Sequence[float | None]) -> list[tuple[float, float]]:
    """Where the values stand in a drawing that starts at 0, oldest at the left."""
    known = [value for value in values if value is not None]
    highest = max([*known, 0.0]) or 1.0
    step = (_WIDTH - 2 * _MARGIN) / max(len(values) - 1, 1)
    return [
        (round(_MARGIN + place * step, 1), round(_HEIGHT - _MARGIN - value / highest * (_HEIGHT - 2 * _MARGIN), 1))
        for place, value in enumerate(values)
        if value is not None
    ]
