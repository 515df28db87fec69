"""What came of rounds, in words and figures: who answered, who did not and what is known of why, what was measured."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import typer

from server.cli.terminal import advise, print_table
from server.home import Home
from server.training import Row, read_rounds, submit_job, wait_for_job
from shared.cli import print_json, progress_bar
from shared.errors import NotYet
from shared.tasks import TASK_ROWS, Task

_COUNTS = {
    "not_yet": "not yet", "refused": "refused", "failed": "failed", "rejected": "rejected", "late": "late"
}  # fmt: skip
_WHY = {
    "not_yet": "the device is not set up to take part yet",
    "refused": "the device's policy or budget says no, or it answered that round before; the server is not told which",
    "failed": "an error instead of an answer, and the device's own log says which",
    "rejected": "the answer was not what it must be; run/logs/serverapp.log says in what",
    "late": "no answer in time, or an answer to a sum that too few others came through",
}
# Of Flower, `flwr.common.constant.ErrorCode`; importing it takes a second.
_CODES = {
    "1": "its app does not start", "2": "its app ended with an error", "3": "the question was lost",
    "4": "the answer was lost", "5": "it was gone", "8": "its app was killed",
}  # fmt: skip
_FIGURE = re.compile(r"(.+?):(-?[0-9.]+)(?: |$)")
_DEVIATION = " deviation"
_SURE = 1.96  # standard deviations to each side: 95 %
_HIDDEN = 0.5  # half of an interval that holds all that a figure can be


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
            done = wait_for_job(home, order, lambda now: progress(now.round, order.until))
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


def explained_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows with what they come to beside them.

    "figures" holds of each figure of an evaluation {"mean", "low", "high"}, the ends of its 95 % interval, or None
    where noise hides it; "why" says of each kind of device that did not answer what is known of why.
    """
    return [
        dict(row) | {"figures": _figures(row), "why": {_COUNTS[kind]: text for kind, text in _reasons([row]).items()}}
        for row in rows
    ]


def print_rounds(rows: Sequence[Row]) -> None:
    """What came of each sum: who was asked, who is in it, what became of the others and why; then what was measured."""
    print_table(
        ("round", "sum", "asked", "in the sum", *_COUNTS.values(), "seconds", "came to"),
        [
            (
                row["number"],
                row["task"],
                row["selected"],
                row["answered"],
                *(row[kind] for kind in _COUNTS),
                f"{row['seconds']:.0f}",
                _outcome(row),
            )
            for row in rows
        ],
    )
    for kind, why in _reasons(rows).items():
        print(f"{_COUNTS[kind]}: {why}")
    for row in rows:
        if figures := _figures(row):
            print(f"measured after round {row['number']}, with 95 % intervals:")
            print_table(("", "mean", ""), [(f"  {name}", *_in_words(figure)) for name, figure in figures.items()])


def _brought_nothing(directory: Path, rows: Sequence[Row]) -> NotYet | None:
    """An error where no update was summed: a count or an evaluation alone trains nothing."""
    updates = [row for row in rows if row["task"] == "update"]
    if any(not row["skipped"] for row in updates):
        return None
    answered = max((int(row["answered"]) for row in updates), default=0)
    became = [f"{total} {name}" for kind, name in _COUNTS.items() if (total := sum(int(row[kind]) for row in updates))]
    return NotYet(
        f"{directory}: expected a round that enough devices answer, got {len(updates)} with at most {answered} in the "
        f"sum ({', '.join(became) or 'no device was there'}); see which devices are up, and order again"
    )


def _outcome(row: Row) -> str:
    if row["skipped"]:
        return "nothing: too few answered" if row["selected"] else "nothing: no device was there"
    return "figures, below" if row["metrics"] else TASK_ROWS[cast(Task, row["task"])].brings


def _reasons(rows: Sequence[Row]) -> dict[str, str]:
    """What is known of why devices did not answer, by kind, for the kinds that occur."""
    known = {kind: why for kind, why in _WHY.items() if any(row[kind] for row in rows)}
    codes = sorted({code.partition(":")[0] for row in rows for code in str(row.get("failed_codes", "")).split()})
    if codes and "failed" in known:
        said = ", ".join(_CODES.get(code, f"Flower's code {code}") for code in codes)
        known["failed"] += f" (Flower's word: {said})"
    return known


def _figures(row: Row) -> dict[str, dict[str, float] | None]:
    """Each figure of an evaluation with its interval, from the text in which a row holds them."""
    said = {name: float(value) for name, value in _FIGURE.findall(str(row["metrics"]))}
    found: dict[str, dict[str, float] | None] = {}
    for name, mean in said.items():
        half = _SURE * said.get(name + _DEVIATION, 0.0)
        if name.endswith(_DEVIATION):
            continue
        within = {"mean": mean, "low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}
        found[name] = None if half >= _HIDDEN else within
    return found


def _in_words(figure: Mapping[str, float] | None) -> tuple[str, str]:
    if figure is None:
        return "hidden by noise", ""
    return f"{figure['mean']:.3f}", f"{figure['low']:.3f} to {figure['high']:.3f}"
