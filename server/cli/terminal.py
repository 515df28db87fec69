"""What a person sees in a terminal: results, advice, a QR code, a bar, and errors. Nothing is decided here."""

import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from shared.errors import HushrecError, Misconfigured


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns on standard output."""
    texts = [[*map(str, row)] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def moment(seconds: float | None) -> str:
    """A second since 1970 as a date and time in UTC."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def print_qr(text: str) -> None:
    """A QR code on standard error, for a camera."""
    import segno

    drawn = io.StringIO()
    segno.make(text, error="m").terminal(drawn, compact=True)
    print(drawn.getvalue(), file=sys.stderr)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where a person is looking, else nothing; called with how many are done of how many."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def report(facts: Mapping[str, Any], as_json: bool) -> None:
    """Facts as JSON or one a line."""
    if as_json:
        return print_json(facts)
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {value}")


def advise(*lines: str) -> None:
    """Lines on standard error, beside the result."""
    print("\n".join(lines), file=sys.stderr, flush=True)


def print_json(facts: Mapping[str, Any]) -> None:
    """One JSON object in one line."""
    print(json.dumps(facts, ensure_ascii=False, allow_nan=False), flush=True)


@contextmanager
def explained(debug: bool) -> Iterator[None]:
    """Turns exceptions into a message on standard error and an exit status.

    The message of an unforeseen exception may quote what it was about, so it is shown under --debug only.
    """
    try:
        yield
    except HushrecError as error:
        print(f"hushrec-server: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except PermissionError as error:
        print(
            f"hushrec-server: {error.filename}: expected to be let in, got {error.strerror}; run it as the user whose "
            "server this is",
            file=sys.stderr,
        )
        raise typer.Exit(Misconfigured.exit_status) from None
    except typer.Exit:
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"hushrec-server: a fault of ours, not of your input: {type(error).__name__} at "
            f"{Path(place.filename).name}:{place.lineno}; please report it with what --debug prints",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
