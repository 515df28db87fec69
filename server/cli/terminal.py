"""What a person sees in a terminal: results, advice, a QR code, a bar, and errors. Nothing is decided here."""

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from shared import cli


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


def print_report(facts: Mapping[str, Any], as_json: bool) -> None:
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


def explained(debug: bool) -> AbstractContextManager[None]:
    """What every command of a server runs in, see `shared.cli`."""
    return cli.exit_on_error("hushrec-server", debug)
