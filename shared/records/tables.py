"""Rows of CSV under a header, as spreadsheets write them: any separator, names in capitals, trailing commas."""

import csv
import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_SEPARATORS = ",;\t|"
_NAME = re.compile(r"[^\W\d][\w .:/-]{0,39}")  # what may be quoted: a first line may be a person's data
FOLDED = "names are read without regard to capitals and blanks"
OTHER_COLUMNS = "{} columns of other names are passed over"
OTHER_SEPARATOR = "fields are separated by {} and not by commas"


class Unreadable(Exception):
    """A table as a whole is none, from this line on."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(said)
        self.line = line


@dataclass(frozen=True)
class Header:
    """The columns that a table may have.

    Attributes:
        needed: without these it is none.
        optional: these may be there.
        advice: what to do about some other names.
        open: columns of other names are passed over and noted, for what others publish and extend.
    """

    needed: Sequence[str]
    optional: Sequence[str] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (*self.needed, *self.optional)

    def known(self, name: str) -> str | None:
        """The column that a name means: itself, or the one it is but for capitals and blanks."""
        if name in self.names:
            return name
        folded = folded_name(name)
        return next((one for one in self.names if folded_name(one) == folded), None)

    def unknown(self, name: str, place: str) -> str:
        """What to say of a name that is no column's."""
        shown = name.strip() if _NAME.fullmatch(name.strip()) else place
        cure = self.advice.get(name.strip().casefold(), "leave it out")
        near = difflib.get_close_matches(name.strip().casefold(), [one.casefold() for one in self.names], 1)
        if near:
            cure = f"write {self.known(near[0])} if that is meant, else leave it out"
        return f"{shown}: expected only {', '.join(self.names)}; {cure}"

    def read(self, cells: Sequence[str], line: int) -> tuple[list[str | None], list[str]]:
        """The column of each cell of a first line, None for one without a name; and notes on it.

        Raises:
            Unreadable: a name is missing, unknown or there twice, or nothing in the line is a name.
        """
        names = [self.known(cell) for cell in cells]
        found = [name for name in names if name]
        if not found:
            raise Unreadable(
                line,
                f"expected a first line that names the columns {', '.join(self.names)} ({', '.join(self.needed)} at "
                f"least), got one that names none; put a line such as {','.join(self.needed)} above the others",
            )
        wrong = [
            self.unknown(cell, f"column {place}")
            for place, (cell, name) in enumerate(zip(cells, names, strict=True), start=1)
            if cell.strip() and name is None
        ]
        missing = [name for name in self.needed if name not in found]
        passed_over = len(wrong) if self.open and not missing else 0
        wrong = wrong[passed_over:]
        if missing:
            wrong.append(f"expected a column {' and '.join(missing)}, got {', '.join(found)} alone of those needed")
        wrong += [
            f"{name}: expected the column once, got it {found.count(name)} times"
            for name in dict.fromkeys(found)
            if found.count(name) > 1
        ]
        if wrong:
            raise Unreadable(line, "; ".join(wrong))
        spelt = [cell for cell, name in zip(cells, names, strict=True) if name]
        notes = [FOLDED] if spelt != found else []
        return names, notes + ([OTHER_COLUMNS.format(passed_over)] if passed_over else [])


def folded_name(name: str) -> str:
    """A column's name without regard to capitals and blanks."""
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def separator_of(line: str, names: Collection[str]) -> str:
    """The separator under which a first line names most of these columns; a comma where none names any."""

    def named(separator: str) -> int:
        return sum(folded_name(cell.strip().strip('"')) in folded for cell in line.split(separator))

    folded = {folded_name(name) for name in names}
    return max(_SEPARATORS, key=named)


def table_rows(
    lines: Iterable[str], header: Header, notes: list[str]
) -> Iterator[tuple[int, dict[str, str] | str | None]]:
    """Of each row, the line it begins on, and its cells that are not empty by column.

    Or what is wrong with it; or None for a blank one. Cells come without the blanks around them.

    Args:
        lines: with their ends.
        header: which columns there must and may be.
        notes: what was taken another way than it stands there is added here.

    Raises:
        Unreadable: see `Header.read`; or a quotation mark that is never closed.
    """
    csv.field_size_limit(2**31 - 1)  # a person's words may be long
    source = iter(lines)
    first, skipped = "", 0
    for first in source:
        if first.strip():
            break
        skipped += 1
    separator = separator_of(first, header.names)
    reader = csv.reader(_with_first(first, source), delimiter=separator, strict=True)
    began = skipped + 1
    try:
        names, said = header.read(next(reader, []), began)
        notes += said
        if separator != ",":
            notes.append(OTHER_SEPARATOR.format("tabs" if separator == "\t" else separator))
        began = skipped + reader.line_num + 1
        for cells in reader:
            filled = [cell.strip() for cell in cells]
            yield began, _row(names, filled, separator, header.open) if any(filled) else None
            began = skipped + reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(
            began, f"expected CSV with closed quotation marks, a mark inside a text doubled ({error})"
        ) from None


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _row(names: Sequence[str | None], cells: Sequence[str], separator: str, is_open: bool) -> dict[str, str] | str:
    if len(cells) < len(names):
        return f"expected {len(names)} fields, got {len(cells)}; the line is cut short"
    if any(cells[len(names) :]):
        return f"expected {len(names)} fields, got {len(cells)}; put a text that holds {separator!r} in quotation marks"
    for place, (name, cell) in enumerate(zip(names, cells, strict=False), start=1):
        if name is None and cell and not is_open:
            return f"column {place}: expected nothing in a column without a name, got something; name the column"
    return {name: cell for name, cell in zip(names, cells, strict=False) if name and cell}
