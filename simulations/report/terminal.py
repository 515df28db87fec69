"""Results as tables on standard output. It prints figures, and no person's text."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulations.report.formatting import cell, format_spent, milliseconds, privacy_in_short, size
from simulations.report.ladder import sight_of
from simulations.report.language import Words
from simulations.report.result import RunResult
from simulations.report.sentences import in_sentences


def print_result(result: RunResult, console: Console) -> None:
    """This run beside its baselines, then what it cost and what it promises, in the language of its report."""
    record, words = result.to_record(), Words(result.language)
    title = words("terminal_title", data=result.data, people=cell(result.users), items=cell(result.items))
    print_rows(title, _models(result, words), console)
    if record.get("device"):
        named = {_of_device(name, words): value for name, value in record["device"].items()}
        head, value = words("terminal_device"), words("terminal_value")
        print_rows("", [{head: name, value: figure} for name, figure in named.items()], console)
    for sentence in in_sentences(result, words):
        console.print(sentence, markup=False)
    for level in ("user", "event"):
        promise = privacy_in_short(record["privacy"][level], words)
        console.print(words(f"terminal_privacy_{level}", promise=promise), markup=False)
    cost = record["cost"]
    spent = words(
        "terminal_cost",
        time=format_spent(cost["seconds"]),
        accelerator=record["accelerator"],
        work=milliseconds(cost["client_milliseconds"]),
        bytes=size(cost["upload_bytes_per_client"]),
    )
    console.print(spent, markup=False)
    for note in result.notes:
        console.print(words("terminal_note", note=note.said(words)), markup=False)
    if result.out is not None:
        path = result.out / "report.html"
        console.print(words("terminal_report", path=path), markup=False, soft_wrap=True)


def _models(result: RunResult, words: Words) -> list[dict[str, Any]]:
    """The table of models; as the JSON names them in English, as the report does in other languages."""
    rows = result.table()
    if words.language == "en":
        return rows
    return [
        {words("model"): words.named("model", row["model"]), words("sees"): words(_sight(row["model"], result))}
        | {_figure(name, words): value for name, value in row.items() if name not in ("model", "sees")}
        for row in rows
    ]


def _sight(model: str, result: RunResult) -> str:
    return f"sight_{sight_of(model, result.privacy)}"


def _figure(name: str, words: Words) -> str:
    """A figure's column: the part of the questions, then the metric, which is called the same everywhere."""
    part, _, metric = name.partition(" ")
    return f"{words.named('part', part)} {metric}" if words.language != "en" else name


def _of_device(name: str, words: Words) -> str:
    bare = name.removeprefix("bare model, ")
    if bare != name:
        return words("terminal_bare", name=_of_device(bare, words))
    told = words.named("device", name)
    return _figure(name, words) if told == name and " " in name else told


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
