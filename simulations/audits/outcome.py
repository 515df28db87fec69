"""Running audits and telling what came of them: progress, the table, the fields of --json."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulations.audits.audit import Audit, AuditResult

if TYPE_CHECKING:
    from rich.console import Console

    from simulations.report import Progress

_LARGEST_SHOWN = 1e6


@dataclass(frozen=True, slots=True)
class Outcome:
    """One audit that has run.

    Attributes:
        audit: the row of the suite.
        result: what it found.
        seconds: how long it took.
    """

    audit: Audit
    result: AuditResult
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the promise stood, and the audit could have told."""
        return bool(self.result.passes and self.result.control_caught)

    def to_record(self) -> dict[str, Any]:
        """The fields of --json."""
        return {
            "pass": bool(self.result.passes),
            "control_caught": bool(self.result.control_caught),
            "statistic": self.result.statistic,
            "bar": self.result.bar,
            "interval": self.result.interval,
            "sentence": self.result.sentence,
            "seconds": self.seconds,
        }


def run_audits(
    audits: Sequence[Audit], seed: int, progress: "Progress", clock: Callable[[], float] = time.monotonic
) -> list[Outcome]:
    """Run audits one after the other; every one runs, whatever became of those before."""
    outcomes = []
    with progress.stage(
        f"audits, seed {seed}: {', '.join(audit.name for audit in audits)}", len(audits)
    ) as all_of_them:
        for audit in audits:
            with _stage(progress, audit) as stage:
                started = clock()
                result = audit.run(seed)
                outcome = Outcome(audit, result, clock() - started)
                stage.advance(detail="holds" if outcome.holds else "does not hold")
            outcomes.append(outcome)
            all_of_them.advance()
    return outcomes


def print_outcomes(outcomes: Sequence[Outcome], console: "Console") -> None:
    """The table: a row for each audit, its sentence last."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for title in ("audit", "pass", "control caught", "statistic", "bar", "interval", "seconds", "found"):
        number = title in ("statistic", "bar", "seconds")
        table.add_column(title, justify="right" if number else "left", no_wrap=title == "audit")
    for outcome in outcomes:
        result = outcome.result
        figures = (figure(result.statistic), figure(result.bar), interval(result), f"{outcome.seconds:.1f}")
        cells = (outcome.audit.name, answer(result.passes), answer(result.control_caught), *figures, result.sentence)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def answer(value: bool) -> str:
    """Yes or no; the bad one is loud."""
    return "yes" if value else "NO"


def figure(value: float) -> str:
    """A statistic to three decimals; a whole one as such."""
    if abs(value) > _LARGEST_SHOWN:
        return f"{value:.1e}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def interval(result: AuditResult) -> str:
    """The 95 % interval, or a dash where the statistic is exact."""
    return "–" if result.interval is None else f"{figure(result.interval[0])} to {figure(result.interval[1])}"


def _stage(progress: "Progress", audit: Audit) -> AbstractContextManager[Any]:
    return progress.stage(f"{audit.name} ({audit.claim})", 1)
