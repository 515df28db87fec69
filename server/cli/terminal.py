"""What a person sees in a terminal: results, advice and a QR code."""

import io
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.cli import print_json


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
