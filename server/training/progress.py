"""How far training is, as files for people and for the parts of the server that do not train. It decides nothing.

They are written after the checkpoint and from it alone, so that they never tell of a round that has to be done again.
"""

import csv
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from server.home import Home
from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically

if TYPE_CHECKING:  # Flower comes with it, and those who only read do without
    from server.aggregation import Phase
    from server.training.round import RoundReport

_WHOLE = (
    "number", "selected", "answered", "not_yet", "refused", "failed", "rejected", "late", "skipped", "upload_bytes"
)  # fmt: skip
_REAL = ("seconds", "update_norm")

Row = dict[str, str | int | float]


def write_progress(
    home: Home, reports: Sequence["RoundReport"], round_number: int, rounds: int, release: str, worse: int
) -> None:
    """Write training/progress.json and training/rounds.csv.

    Args:
        home: folder of the server.
        reports: of everything done so far.
        round_number: rounds done, skipped ones included.
        rounds: how many there are in all.
        release: digest of the one that devices work under.
        worse: evaluations in a row that were clearly worse than the best before.

    Raises:
        Misconfigured: a file cannot be written.
    """
    rows = [report.to_row() for report in reports]
    if rows:
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(home.training / "rounds.csv", text.getvalue().encode())
    progress = {
        "round": round_number,
        "rounds": rounds,
        "skipped": sum(report.skipped for report in reports if report.task == "update"),
        "release": release,
        "worse": worse,
        "last": rows[-1] if rows else None,
    }
    write_atomically(home.training / "progress.json", json.dumps(progress, ensure_ascii=False).encode())


def read_rounds(home: Home) -> list[Row]:
    """The rows of training/rounds.csv, oldest first, with numbers as numbers; none before the first round."""
    try:
        text = (home.training / "rounds.csv").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    rows: list[Row] = []
    for read in csv.DictReader(io.StringIO(text)):
        row: Row = dict(read)
        row |= {name: int(read[name]) for name in _WHOLE}
        row |= {name: float(read[name]) for name in _REAL}
        rows.append(row)
    return rows


class WaitingReport:
    """run/waiting.json: how many devices are here, of how many a round waits for. It is what a directory tells."""

    def __init__(self, home: Home) -> None:
        """Write to the folder of `home`; nothing before a round waits."""
        self._path = home.waiting
        self._told: tuple[int, int | None] | None = None

    def __call__(self, here: int, needed: int | None) -> None:
        """Write it down where it has changed; a full disk ends no round for this."""
        if (here, needed) != self._told:
            content = {"here": here, "needed": needed, "process": os.getpid()}
            with suppress(Misconfigured):
                write_atomically(self._path, json.dumps(content).encode())
            self._told = here, needed


class PhaseReport:
    """run/phase.json: which phase of which private sum is under way. It is what a sum tells."""

    def __init__(self, home: Home, now_seconds: Callable[[], float] = time.time) -> None:
        """Write to the folder of `home`; nothing before a phase begins."""
        self._path, self._now_seconds = home.phase, now_seconds

    def __call__(self, phase: "Phase") -> None:
        """Write it down; a full disk ends no round for this."""
        content = {**phase._asdict(), "seconds": self._now_seconds(), "process": os.getpid()}
        with suppress(Misconfigured):
            write_atomically(self._path, json.dumps(content).encode())


def read_phase(home: Home, process: int | None) -> dict[str, Any] | None:
    """{"task", "round_number", "name", "asked", "through", "seconds"}, the latest of the ServerApp in this process.

    `through` is None while the phase goes on, and `seconds` is when it began or ended, since 1970 UTC. None where the
    process has begun none.

    Raises:
        Corrupt: run/phase.json holds something else.
    """
    try:
        content = json.loads(home.phase.read_bytes())
        known = {name: content[name] for name in ("task", "round_number", "name", "asked", "through", "seconds")}
        return known if content["process"] == process else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise Corrupt(f"{home.phase}: expected what a round writes, got something else; remove it") from None


def read_waiting(home: Home, process: int | None) -> dict[str, int] | None:
    """{"here", "needed"} while a round of the ServerApp in this process waits for devices; None when none does.

    Raises:
        Corrupt: run/waiting.json holds something else.
    """
    try:
        content = json.loads(home.waiting.read_bytes())
        waits = content["needed"] is not None and content["process"] == process
        return {"here": int(content["here"]), "needed": int(content["needed"])} if waits else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise Corrupt(f"{home.waiting}: expected what a round writes, got something else; remove it") from None
