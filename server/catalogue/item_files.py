"""Reads items from a file of the operator's, and says of all lines at once what is wrong with them. It never guesses.

`.jsonl`, one JSON object a line; `.csv`, a header with the same names and the categories separated by `|`:
    id             text, unique
    title          text, what a person is shown
    text           what the encoder reads; optional, the title stands in
    categories     list of texts, broad to narrow; optional
    added_seconds  when it came into the catalogue, since 1970 UTC; optional
"""

import csv
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.catalogue import Item
from shared.errors import Corrupt, Misconfigured

_SHOWN = 20
_EXPECTED = {
    "extra_forbidden": "no such name",
    "missing": "a value",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "list_type": "a list of texts",
    "json_invalid": "one whole JSON object",
    "model_type": "one whole JSON object",
}
_Text = Annotated[str, Field(min_length=1, max_length=65_536, pattern=r"\S")]
_Numbered = tuple[int, Callable[[], "_Record"]]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1, max_length=256)]
    title: _Text
    text: str = ""
    categories: tuple[_Text, ...] = Field(default=(), max_length=64, strict=False)
    added_seconds: Annotated[float, Field(allow_inf_nan=False)] | None = None

    def item(self) -> Item:
        text = self.text if self.text.strip() else self.title
        return Item(self.id, self.title, text, self.categories, self.added_seconds)


def read_items(path: Path) -> list[Item]:
    """The items of a file, in its order.

    Raises:
        Misconfigured: there is no such file, or it is named neither .jsonl nor .csv.
        Corrupt: some lines are not items, or an id stands twice; the first twenty are named.
    """
    readers = {".jsonl": _json_lines, ".csv": _csv_rows}
    if path.suffix.lower() not in readers:
        raise Misconfigured(f"{path}: expected a file of items named .jsonl or .csv, got {path.suffix or 'neither'}")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"{path}: expected a file of items, it could not be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Corrupt(f"{path}: expected text in UTF-8, got other bytes; save it as UTF-8") from None
    items: list[Item] = []
    lines: dict[str, int] = {}
    wrong: list[str] = []
    for number, read in readers[path.suffix.lower()](path, content):
        try:
            item = read().item()
        except ValidationError as error:
            wrong.append(f"{path}:{number}: {_problem(error)}")
            continue
        if item.id in lines:
            wrong.append(f"{path}:{number}: id: expected another than on line {lines[item.id]}, got the same")
        else:
            lines[item.id] = number
            items.append(item)
    if wrong:
        more = len(wrong) - _SHOWN
        raise Corrupt("\n".join([*wrong[:_SHOWN], *([f"and {more} more lines"] if more > 0 else [])]))
    if not items:
        raise Corrupt(f"{path}: expected at least one item, got none")
    return items


def _json_lines(path: Path, content: str) -> Iterator[_Numbered]:
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield number, lambda line=line: _Record.model_validate_json(line)  # type: ignore[misc]


def _csv_rows(path: Path, content: str) -> Iterator[_Numbered]:
    rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    header: list[str] = []
    try:
        for row in rows:
            if not header:
                header = _header(path, row)
            elif any(row):
                fields = {name: value for name, value in zip(header, row, strict=False) if value}
                if len(row) != len(header):
                    fields = {"": f"{len(row)} fields"}
                yield rows.line_num, lambda fields=fields: _Record.model_validate(_typed(fields))  # type: ignore[misc]
    except csv.Error as error:
        raise Corrupt(f"{path}:{rows.line_num}: expected CSV with closed quotation marks ({error})") from None


def _header(path: Path, row: list[str]) -> list[str]:
    names = list(_Record.model_fields)
    if not {"id", "title"} <= set(row) <= set(names) or len(set(row)) != len(row):
        raise Corrupt(f"{path}:1: expected a header of {', '.join(names)} (id and title at least), got another line")
    return row


def _typed(fields: dict[str, str]) -> dict[str, Any]:
    """CSV has texts alone: categories as a list and the time as a number."""
    typed: dict[str, Any] = dict(fields)
    if "categories" in fields:
        typed["categories"] = tuple(word.strip() for word in fields["categories"].split("|") if word.strip())
    if "added_seconds" in fields:
        try:
            typed["added_seconds"] = float(fields["added_seconds"])
        except ValueError:
            typed["added_seconds"] = math.nan  # which no time may be
    return typed


def _problem(error: ValidationError) -> str:
    """The first thing that is wrong with a line, without quoting it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(found["loc"][0]) if found["loc"] else ""
    if name == "" and found["type"] in ("extra_forbidden", "missing") and found["loc"]:
        return "expected as many fields as the header has, got another number"
    expected = _EXPECTED.get(found["type"], found["msg"])
    return f"{name}: expected {expected}" if name else f"expected {expected}"
