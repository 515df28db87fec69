"""The audits as one self-contained HTML page: figure, interval, control and one plain sentence each."""

import math
from collections.abc import Sequence
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from shared.files import write_atomically
from simulations.audits.audit import AuditResult
from simulations.audits.outcome import Outcome, answer, figure, interval

_WIDTH = 400  # of the drawing, in its own units
_MARGIN = 10


def write_page(outcomes: Sequence[Outcome], seed: int, path: Path) -> None:
    """Write the page, in one piece or not at all.

    Raises:
        Misconfigured: the file cannot be written.
    """
    write_atomically(path, _rendered(outcomes, seed).encode())


def _rendered(outcomes: Sequence[Outcome], seed: int) -> str:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("simulations.audits"), PackageLoader("simulations.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, answer=answer, interval=interval)
    return environment.get_template("audits.html.j2").render(
        rows=[(outcome, _places(outcome.result)) for outcome in outcomes],
        seed=seed,
        failed=[outcome.audit.name for outcome in outcomes if not outcome.holds],
        seconds=sum(outcome.seconds for outcome in outcomes),
        width=_WIDTH,
    )


def _places(result: AuditResult) -> dict[str, float]:
    """Where statistic, interval, bar and control stand on one line that starts at 0."""
    low, high = result.interval or (result.statistic, result.statistic)
    values = {"statistic": result.statistic, "low": low, "high": high, "bar": result.bar, "control": result.control}
    finite = [value for value in values.values() if math.isfinite(value)]
    longest, least = max([*finite, 0.0]), min([*finite, 0.0])
    span = longest - least or 1.0

    def at(value: float) -> float:
        inside = min(max(value, least), longest) if not math.isnan(value) else least
        return round(_MARGIN + (inside - least) / span * (_WIDTH - 2 * _MARGIN), 1)

    return {name: at(value) for name, value in values.items()}
