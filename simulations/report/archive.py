"""The folder of a run: what is written into it and read back. All is rendered before the first file is written."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from simulations.datasets import SkippedRows
from simulations.report.curve import of_headline, picture
from simulations.report.page import render
from simulations.report.result import (
    CurvePoint,
    ExampleEvent,
    ExamplePerson,
    ExampleRecommendation,
    RunResult,
    plain_values,
)

WRITTEN = {
    "report.html": "the report, one self-contained page",
    "curve.png": "the learning curve",
    "metrics.json": "the figures, as `run --json` prints them",
    "rounds.csv": "one row per round",
    "federation.toml": "the federation file as resolved",
    "details.json": "curves, example people, unused data and notes, to draw the report again",
}


def write_report(result: RunResult, directory: Path) -> Path:
    """Write every file of `WRITTEN` into `directory`; returns the path of report.html.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    figures = json.dumps(result.to_record(), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    details = {
        "curve": [asdict(point) for point in result.curve],
        "cold_start_curve": list(result.cold_start_curve),
        "examples": [asdict(person) for person in result.examples],
        "load_losses": [asdict(loss) for loss in result.load_losses],
        "notes": list(result.notes),
    }
    files = _drawn(result) | {
        "metrics.json": figures.encode(),
        "rounds.csv": _table(result),
        "federation.toml": result.federation_toml.encode(),
        "details.json": (json.dumps(plain_values(details), ensure_ascii=False, indent=1) + "\n").encode(),
    }
    return _write(files, directory)


def redraw(directory: Path) -> Path:
    """Write report.html and curve.png again from the other files of a run; returns the path of report.html.

    Raises:
        Misconfigured: the folder is not the folder of a finished run.
        Corrupt: a file in it is not what the run wrote.
    """
    return _write(_drawn(read_result(directory)), directory)


def read_result(directory: Path) -> RunResult:
    """The result that `write_report` wrote.

    Raises:
        Misconfigured: the folder is not the folder of a finished run.
        Corrupt: a file in it is not what the run wrote.
    """
    record = _read_json(directory, "metrics.json")
    details = _read_json(directory, "details.json")
    rows = list(csv.DictReader(io.StringIO(_read(directory, "rounds.csv"), newline="")))
    try:
        return RunResult(
            **record,
            curve=[CurvePoint.from_json(point) for point in details["curve"]],
            cold_start_curve=details["cold_start_curve"],
            rounds_table=[{column: _value(cell) for column, cell in row.items()} for row in rows],
            load_losses=[
                SkippedRows(**loss | {"examples": tuple(loss["examples"])}) for loss in details["load_losses"]
            ],
            examples=[_person(person) for person in details["examples"]],
            federation_toml=_read(directory, "federation.toml"),
            notes=details["notes"],
            out=directory,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Corrupt(
            f"{directory}: expected metrics.json, details.json and rounds.csv as `run` writes them, got {error}; "
            "run it again"
        ) from None


def _drawn(result: RunResult) -> dict[str, bytes]:
    title = f"{result.data}: validation by round"
    return {"report.html": render(result).encode(), "curve.png": picture(of_headline(result.curve), title)}


def _write(files: Mapping[str, bytes], directory: Path) -> Path:
    for name, content in files.items():
        write_atomically(directory / name, content)
    return directory / "report.html"


def _read(directory: Path, name: str) -> str:
    path = directory / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(
            f"{path}: expected a file of a finished run ({error.strerror}); give the folder that `run --out` wrote"
        ) from None
    except UnicodeDecodeError:
        raise Corrupt(f"{path}: expected UTF-8 text, got other bytes; run it again") from None


def _read_json(directory: Path, name: str) -> dict[str, Any]:
    try:
        record = json.loads(_read(directory, name))
    except ValueError as error:
        raise Corrupt(f"{directory / name}: expected JSON as `run` writes it ({error}); run it again") from None
    if not isinstance(record, dict):
        raise Corrupt(f"{directory / name}: expected a JSON object, got {type(record).__name__}; run it again")
    return record


def _table(result: RunResult) -> bytes:
    columns = list(dict.fromkeys(column for row in result.rounds_table for column in row))
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    if columns:
        writer.writeheader()
    writer.writerows(plain_values(result.rounds_table))
    return stream.getvalue().encode()


def _value(cell: str | None) -> Any:
    """A cell of rounds.csv as the value it was written from."""
    if not cell:
        return None
    if cell in ("True", "False"):
        return cell == "True"
    for number in (int, float):
        try:
            return number(cell)
        except ValueError:
            continue
    return cell


def _person(record: dict[str, Any]) -> ExamplePerson:
    return ExamplePerson(
        record["title"],
        [ExampleEvent(**event) for event in record["latest"]],
        [(name, share) for name, share in record["concepts"]],
        [
            ExampleRecommendation(r["title"], r["score"], [(words, share) for words, share in r["reasons"]])
            for r in record["recommendations"]
        ],
    )
