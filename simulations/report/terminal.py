"""Results as tables on standard output. It prints figures, and no person's text."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulations.report.formatting import cell, format_spent, milliseconds, privacy_in_short, size
from simulations.report.language import Words
from simulations.report.result import RunResult
from simulations.report.sentences import in_sentences


def print_result(result: RunResult, console: Console) -> None:
    """This run beside its baselines, then what it cost and what it promises."""
    record = result.to_record()
    print_rows(f"{result.data}: {result.users:,} people, {result.items:,} items", result.table(), console)
    if record.get("device"):
        rows = [{"on the device": name, "value": value} for name, value in record["device"].items()]
        print_rows("", rows, console)
    for sentence in in_sentences(result, Words("en")):
        console.print(sentence, markup=False)
    for level in ("user", "event"):
        console.print(f"privacy, {level} level: {privacy_in_short(record['privacy'][level])}", markup=False)
    cost = record["cost"]
    console.print(
        f"cost: {format_spent(cost['seconds'])} in all on {record['accelerator']}, "
        f"{milliseconds(cost['client_milliseconds'])} and {size(cost['upload_bytes_per_client'])} sent "
        "per device and round",
        markup=False,
    )
    for note in result.notes:
        console.print(f"note: {note}", markup=False)
    if result.out is not None:
        console.print(f"report: {result.out / 'report.html'}", markup=False, soft_wrap=True)


def print_record(name: str, record: Mapping[str, Any], console: Console) -> None:
    """A comparison or a benchmark: lists of rows as tables, `rows` first, its other figures line by line."""
    tables = [key for key, value in record.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    for key in sorted(tables, key=lambda key: key != "rows"):
        print_rows(name if key == "rows" else f"{name}: {key}", record[key], console)
    figures = [{"figure": key, "value": value} for key, value in record.items() if key not in (*tables, "rows")]
    if figures:
        print_rows("" if record.get("rows") else name, figures, console)


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Rows that share their columns."""
    table = Table(
        title=Text(title, style="bold") if title else None, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0)
    )
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        text = any(isinstance(row.get(column), str) for row in rows)
        table.add_column(Text(column), justify="left" if text else "right", no_wrap=text and len(columns) > 2)
    for row in rows:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
    console.print(table)
