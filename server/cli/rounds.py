"""What came of rounds, in words and figures: who answered, who did not and what is known of why, what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import typer

from server.cli.terminal import advise, print_table
from server.home import Home
from server.training import (
    COUNT_NAMES,
    Row,
    explained_rows,
    figures_of,
    read_rounds,
    reasons_of,
    submit_job,
    wait_for_job,
)
from shared.cli import print_json, progress_bar
from shared.errors import NotYet
from shared.tasks import TASK_ROWS, Task


def train_rounds(home: Home, count: int, as_json: bool) -> None:
    """Order so many further rounds, wait for them, and print what came of them.

    Raises:
        typer.Exit: with the status of `NotYet`, when no round of the order had a sum.
        NotYet: the server is not up, or has no release to start from.
        Misconfigured: the federation file allows fewer rounds, or evaluations have ended the training.
    """
    order, before = submit_job(home, count), len(read_rounds(home))
    try:
        with progress_bar("rounds") as progress:
            done = wait_for_job(
                home,
                order,
                lambda now: progress(now.round, order.until),
                lambda why: advise(f"no round goes on: {why}"),
            )
    except KeyboardInterrupt:
        advise(f"no longer waiting; the server goes on with the order, see hushrec-server status {home.directory}")
        raise
    rows = read_rounds(home)[before:]
    nothing = _brought_nothing(home.directory, rows)
    if as_json:
        found: dict[str, Any] = {"ordered": count, "rounds": done.round, "sums": explained_rows(rows)}
        print_json(found if nothing is None else found | {"error": {"code": nothing.code, "message": str(nothing)}})
    else:
        print_rounds(rows)
    if nothing is not None:
        advise(f"hushrec-server: {nothing}")
        raise typer.Exit(nothing.exit_status)


def print_rounds(rows: Sequence[Row]) -> None:
    """What came of each sum: who was asked, who is in it, what became of the others and why; then what was measured."""
    print_table(
        ("round", "sum", "asked", "in the sum", *COUNT_NAMES.values(), "seconds", "came to"),
        [
            (
                row["number"],
                row["task"],
                row["selected"],
                row["answered"],
                *(row[kind] for kind in COUNT_NAMES),
                f"{row['seconds']:.0f}",
                _outcome(row),
            )
            for row in rows
        ],
    )
    for kind, why in reasons_of(rows).items():
        print(f"{COUNT_NAMES[kind]}: {why}")
    for row in rows:
        if figures := figures_of(row):
            print(f"measured after round {row['number']}, with 95 % intervals:")
            print_table(("", "mean", ""), [(f"  {name}", *_in_words(figure)) for name, figure in figures.items()])


def _brought_nothing(directory: Path, rows: Sequence[Row]) -> NotYet | None:
    """An error where no update was summed: a count or an evaluation alone trains nothing."""
    updates = [row for row in rows if row["task"] == "update"]
    if any(not row["skipped"] for row in updates):
        return None
    answered = max((int(row["answered"]) for row in updates), default=0)
    became = [
        f"{total} {name}" for kind, name in COUNT_NAMES.items() if (total := sum(int(row[kind]) for row in updates))
    ]
    return NotYet(
        f"{directory}: expected a round that enough devices answer, got {len(updates)} with at most {answered} in the "
        f"sum ({', '.join(became) or 'no device was there'}); see which devices are up, and order again"
    )


def _outcome(row: Row) -> str:
    if row["skipped"]:
        return "nothing: too few answered" if row["selected"] else "nothing: no device was there"
    return "figures, below" if row["metrics"] else TASK_ROWS[cast(Task, row["task"])].brings


def _in_words(figure: Mapping[str, float] | None) -> tuple[str, str]:
    if figure is None:
        return "hidden by noise", ""
    return f"{figure['mean']:.3f}", f"{figure['low']:.3f} to {figure['high']:.3f}"
