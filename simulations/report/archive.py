"""The folder of a run: what is written into it and read back. All is rendered before the first file is written."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from simulations.datasets import SkippedRows
from simulations.options import Language
from simulations.report.comparison import render_comparison
from simulations.report.curve import of_headline, picture
from simulations.report.notes import Note
from simulations.report.page import render
from simulations.report.parts import ConceptMap, CurvePoint, ExamplePerson, FairnessGroup, Journey
from simulations.report.result import RunResult, plain_values

_AUDITS = "audits.json"
_AUDIT_KEYS = {"pass", "control_caught", "statistic", "interval", "bar", "sentence"}
WRITTEN = {
    "report.html": "the report, one self-contained page",
    "curve.png": "the learning curve",
    "metrics.json": "the figures, as `run --json` prints them",
    "rounds.csv": "one row per round",
    "federation.toml": "the federation file as resolved",
    "details.json": "curves, intervals, example people, concepts, unused data and notes, to draw the report again",
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
        "journey": None if result.journey is None else asdict(result.journey),
        "concept_map": None if result.concept_map is None else asdict(result.concept_map),
        "fairness": [asdict(group) for group in result.fairness],
        "intervals": result.intervals,
        "kept": result.kept,
        "rules": result.rules,
        "answers": list(result.answers),
        "versions": result.versions,
        "language": result.language,
        "load_losses": [asdict(loss) for loss in result.load_losses],
        "notes": [asdict(note) for note in result.notes],
    }
    files = _drawn(result) | {
        "metrics.json": figures.encode(),
        "rounds.csv": _table(result),
        "federation.toml": result.federation_toml.encode(),
        "details.json": (json.dumps(plain_values(details), ensure_ascii=False, indent=1) + "\n").encode(),
    }
    return _write(files, directory)


def redraw(directory: Path, language: Language | None = None) -> Path:
    """Write report.html and curve.png again from the other files of a run; returns the path of report.html.

    Args:
        directory: of the run; where `audits.json` lies in it, as `audit --json` prints it, the report shows it.
        language: of the report; that of the run when left out.

    Raises:
        Misconfigured: the folder is not the folder of a finished run.
        Corrupt: a file in it is not what the run wrote.
    """
    return _write(_drawn(read_result(directory), _read_audits(directory), language), directory)


def write_comparison(directories: Sequence[Path], path: Path, language: Language | None = None) -> None:
    """Write one page that sets several finished runs beside each other.

    Args:
        directories: of the runs, two or more.
        path: of the page.
        language: of the page; that of the first run when left out.

    Raises:
        Misconfigured: a folder is not that of a finished run, stands there twice, or the page cannot be written.
        Corrupt: a file of a run is not what the run wrote.
    """
    twice = [str(directory) for number, directory in enumerate(directories) if directory in directories[:number]]
    if twice:
        raise Misconfigured(f"report: expected different folders to compare, got {twice[0]} twice; name each once")
    results = [read_result(directory) for directory in directories]
    write_atomically(path, render_comparison(results, language).encode())


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
            examples=[ExamplePerson.from_json(person) for person in details["examples"]],
            journey=None if details["journey"] is None else Journey(**details["journey"]),
            concept_map=None if details["concept_map"] is None else ConceptMap.from_json(details["concept_map"]),
            fairness=[FairnessGroup.from_json(group) for group in details["fairness"]],
            intervals=details["intervals"],
            kept=details["kept"],
            rules=details["rules"],
            answers=details["answers"],
            versions=details["versions"],
            language=details["language"],
            federation_toml=_read(directory, "federation.toml"),
            notes=[Note(**note) for note in details["notes"]],
            out=directory,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Corrupt(
            f"{directory}: expected metrics.json, details.json and rounds.csv as `run` writes them, got {error}; "
            "run it again"
        ) from None


def _drawn(
    result: RunResult, audits: Mapping[str, Any] | None = None, language: Language | None = None
) -> dict[str, bytes]:
    title = f"{result.data}: validation by round"
    page = render(result, audits, language)
    return {"report.html": page.encode(), "curve.png": picture(of_headline(result.curve), title)}


def _read_audits(directory: Path) -> Mapping[str, Any] | None:
    """What `audit --json` found, where somebody put it into the folder of a run."""
    path = directory / _AUDITS
    if not path.exists():
        return None
    try:
        audits = json.loads(path.read_text(encoding="utf-8").strip().splitlines()[-1])["audits"]
        if not all(isinstance(found, dict) and found.keys() >= _AUDIT_KEYS for found in audits.values()):
            raise TypeError("no outcomes of audits")
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(
            f'{path}: expected {{"audits": {{NAME: outcome}}}} as the last line ({type(error).__name__}); write it '
            "with `audit --json`, or remove it"
        ) from None
    found: Mapping[str, Any] = audits
    return found


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
