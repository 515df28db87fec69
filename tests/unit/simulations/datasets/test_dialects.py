"""Every loader reads the same data set in some twenty dialects, and finds the same people and items in each.

A data set is written down once, as tables and JSON lines; a dialect is one way of writing all of its files. What a
layout cannot say in a dialect (JSON lines have no separator) is written plainly, so that the dialect is one of its
other files alone.
"""

import csv
import gzip
import io
import json
import random
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import Corrupt
from simulations.datasets import Dataset, load

Cells = Sequence[str]


@dataclass(frozen=True)
class Form:
    """How files are written.

    Attributes:
        separator: in place of the published one, where a table has one character or a pair of colons.
        number: what becomes of a whole number that is no id.
        text: what becomes of each cell.
        packed: what becomes of a file's name and bytes.
        parts: files that events are spread over, where a layout allows it.
    """

    end: str = "\n"
    last_end: bool = True
    separator: str | None = None
    quoted: bool = False
    header: Callable[[str], str] = str
    shuffled: bool = False
    extra: bool = False
    number: Callable[[str], str] = str
    time: Callable[[str], str] = str
    identity: Callable[[str], str] = str
    encode: Callable[[str], bytes] = str.encode
    packed: Callable[[str, bytes], tuple[str, bytes]] = lambda name, content: (name, content)
    parts: int = 1
    blank_lines: bool = False


@dataclass(frozen=True)
class Table:
    """A file of rows. `kinds` says what each column holds: i(d), n(umber), t(ime), w(ords), or s (ids in one cell)."""

    columns: Sequence[str]
    kinds: str
    rows: Sequence[Cells]
    separator: str
    header: bool
    open: bool = True  # to columns of other names

    def write(self, form: Form, rows: Sequence[Cells]) -> str:
        separator = form.separator or self.separator
        order = list(range(len(self.columns)))
        extra = form.extra and self.header and self.open
        if form.shuffled and self.header:
            random.Random(3).shuffle(order)
        lines = [[form.header(self.columns[place]) for place in order]] if self.header else []
        lines += [[_cell(self.kinds[place], row[place], form) for place in order] for row in rows]
        if extra:
            lines = [[*line, "mood" if place == 0 else "fine"] for place, line in enumerate(lines)]
        return "".join(_line(line, separator, form, self.separator) + form.end for line in lines)


@dataclass(frozen=True)
class Objects:
    """JSON lines, or objects as Python prints them. `kinds` as of a table, by name; x stays as it is."""

    kinds: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    literal: bool = False

    def write(self, form: Form, rows: Sequence[Mapping[str, Any]]) -> str:
        def value(name: str, held: Any) -> Any:
            if self.kinds[name] == "i":
                return form.identity(held)
            if self.kinds[name] in "nt":
                text = (form.number if self.kinds[name] == "n" else form.time)(str(held))
                try:
                    return json.loads(text)
                except ValueError:
                    return text
            return held

        written = []
        for row in rows:
            names = list(row)
            if form.shuffled:
                random.Random(3).shuffle(names)
            record = {form.header(name): value(name, row[name]) for name in names}
            written.append((repr(record) if self.literal else json.dumps(record, ensure_ascii=False)) + form.end)
        return "".join(written)


def _cell(kind: str, cell: str, form: Form) -> str:
    if not cell:
        return cell
    if kind == "i":
        return form.identity(cell)
    return {"n": form.number, "t": form.time}.get(kind, str)(cell)


def _line(cells: Cells, separator: str, form: Form, published: str) -> str:
    if len(separator) > 1:
        return separator.join(f'"{cell}"' if form.quoted else cell for cell in cells)
    if form.quoted or separator != published or separator == ",":
        stream = io.StringIO()
        quoting = csv.QUOTE_ALL if form.quoted else csv.QUOTE_MINIMAL
        csv.writer(stream, delimiter=separator, lineterminator="", quoting=quoting).writerow(cells)
        return stream.getvalue()
    return separator.join(cells)


@dataclass(frozen=True)
class World:
    """A data set of a layout: its files, which one holds the events, and whether that may be several files."""

    layout: str
    files: Mapping[str, Table | Objects]
    events: str
    spread: bool = False

    def write(self, folder: Path, form: Form) -> Dataset:
        folder.mkdir(parents=True)
        for name, file in self.files.items():
            parts = form.parts if self.spread and name == self.events else 1
            for part in range(parts):
                rows: Any = file.rows[part::parts]
                text = file.write(form, rows)
                if form.blank_lines:
                    text += form.end * 2
                if not form.last_end:
                    text = text.removesuffix(form.end)
                stem, dot, end = name.partition(".")
                told = name if parts == 1 else f"{stem}-{part}{dot}{end}"
                packed, content = form.packed(told, form.encode(text))
                (folder / packed).write_bytes(content)
        return load(f"{self.layout}:{folder}")


def found(dataset: Dataset) -> Any:
    """What every dialect must come to; the order of people is that of the file."""
    people = {person.id: list(person.events) for person in dataset.people}
    items = {item.id: (item.title, item.text, item.categories) for item in dataset.catalogue}
    lists = [(shown.history, shown.candidates, shown.clicked) for shown in dataset.impressions]
    return people, items, lists, sum(loss.count for loss in dataset.report.losses if loss.reason != "blank line")


FILMS = (("10", "Matrix, The (1999)", "Action|Sci-Fi"), ("11", "Café (1990)", "Drama"), ("12", "Brazil (1985)", "War"))
RATINGS = [("1", "10", "5", "978300300"), ("1", "11", "3", "978300100"), ("2", "10", "4", "978300050"),
           ("1", "12", "1", "978300300"), ("2", "12", "2", "978300900")]  # fmt: skip
FLAGS = tuple(f"flag{number}" for number in range(19))


def _film_100k(film: Cells) -> Cells:
    flags = ["1" if number == 8 else "0" for number in range(19)]
    return (film[0], film[1], "01-Jan-1995", "", "http://example.org/a", *flags)


REVIEW = {"reviewerID": "i", "asin": "i", "overall": "n", "summary": "w", "reviewText": "w", "unixReviewTime": "t"}
EVENT = {"person": "i", "time_seconds": "t", "kind": "w", "item": "i", "value": "n"}
EVENTS = [("ann lee", "1700000000", "click", "café", "2"), ("bob", "1700000400", "rating", "b2", "4"),
          ("ann lee", "1700000200", "view", "b2", ""), ("bob", "1700000100", "click", "café", "")]  # fmt: skip
ITEMS = Table(
    ("id", "title", "categories"), "iww", [("café", "Café", "a|b"), ("b2", "Bread, rye", "")], ",", True, False
)

WORLDS = {
    "movielens-100k": World(
        "movielens",
        {
            "u.data": Table(("user", "item", "rating", "time"), "iint", RATINGS, "\t", False),
            "u.item": Table(
                ("id", "title", "date", "video", "url", *FLAGS), "iwwww" + "w" * 19,
                [_film_100k(film) for film in FILMS], "|", False,
            ),
        },
        "u.data",
    ),
    "movielens-1m": World(
        "movielens",
        {
            "ratings.dat": Table(("user", "item", "rating", "time"), "iint", RATINGS, "::", False),
            "movies.dat": Table(("id", "title", "genres"), "iww", FILMS, "::", False),
        },
        "ratings.dat",
    ),
    "movielens-latest": World(
        "movielens",
        {
            "ratings.csv": Table(("userId", "movieId", "rating", "timestamp"), "iint", RATINGS, ",", True),
            "movies.csv": Table(("movieId", "title", "genres"), "iww", FILMS, ",", True),
        },
        "ratings.csv",
    ),
    "mind": World(
        "mind",
        {
            "behaviors.tsv": Table(
                ("id", "person", "time", "history", "shown"), "wiwss",
                [("1", "U1", "11/12/2019 2:14:46 PM", "N1 N2", "N3-1 N4-0"),
                 ("2", "U1", "11/11/2019 9:00:00 AM", "N1", "N4-1 N1-1 N2-0"),
                 ("3", "U2", "11/13/2019 8:00:00 AM", "N2", "N1-0 N3-1")], "\t", False,
            ),
            "news_titles.tsv": Table(
                ("news_id", "category", "title"), "iww",
                [("N1", "news", "Café opens"), ("N2", "sports", 'A "match" lost'), ("N3", "food", "Soup; bread"),
                 ("N4", "food", "Bread")], "\t", True,
            ),
        },
        "behaviors.tsv",
    ),
    "amazon-reviews": World(
        "amazon",
        {
            "Cups_5.json": Objects(
                REVIEW,
                [dict(zip(REVIEW, row, strict=True)) for row in (
                    ("A", "i2", 5, "A Café thing", "Holds my morning coffee.", 1400000300),
                    ("A", "i1", 4, "Warm", "Keeps soup warm.", 1400000100),
                    ("B", "i1", 2, "Small", "Too small for soup.", 1400000050),
                    ("A", "i3", 3, "Gift", "For my sister.", 1400000700),
                )],
            )
        },
        "Cups_5.json",
    ),
    "amazon-sequences": World(
        "amazon",
        {
            "Games.test.inter": Table(
                ("user_id:token", "item_id_list:token_seq", "item_id:token"), "isi",
                [("0", "5 3", "4"), ("1", "4", "5")], "\t", True,
            ),
            "Games.item": Table(
                ("item_id:token", "title:token_seq"), "iw",
                [("3", "Café Tycoon"), ("4", 'The "Chess"'), ("5", "Go, again")], "\t", True,
            ),
        },
        "Games.test.inter",
    ),
    "events-csv": World(
        "events",
        {"events.csv": Table(tuple(EVENT), "itwin", EVENTS, ",", True, False), "items.csv": ITEMS},
        "events.csv",
        True,
    ),
    "events-jsonl": World(
        "events",
        {
            "events.jsonl": Objects(
                EVENT, [{name: cell for name, cell in zip(EVENT, row, strict=True) if cell} for row in EVENTS]
            ),
            "items.csv": ITEMS,
        },
        "events.jsonl",
        True,
    ),
}  # fmt: skip
REVIEW_2023 = {"user_id": "i", "parent_asin": "i", "timestamp": "x", "rating": "n", "title": "w", "text": "w"}
SHELVED = {"user_id": "i", "book_id": "i", "date_added": "w", "rating": "n"}
PLAYED = {"username": "i", "product_id": "i", "date": "w", "text": "w"}
VISITED = {"user_id": "i", "business_id": "i", "date": "w", "stars": "n", "text": "w"}


def _objects(kinds: Mapping[str, str], *rows: Sequence[Any], literal: bool = False) -> Objects:
    return Objects(kinds, [dict(zip(kinds, row, strict=True)) for row in rows], literal)


WORLDS |= {
    "amazon-2023": World(
        "amazon-2023",
        {
            "Cups.jsonl": _objects(
                REVIEW_2023, ("A", "i2", 1588687728000, 4, "A Café thing", "Nice."),
                ("A", "i1", 1588615855000, 5, "Pot", "It holds."), ("B", "i1", 1589665266000, 2, "No", "Too small."),
            ),
            "meta_Cups.jsonl": _objects(
                {"parent_asin": "i", "title": "w", "categories": "x"},
                ("i1", "Café pot", ["Kitchen"]), ("i2", "Cup", []),
            ),
        },
        "Cups.jsonl",
    ),
    "goodreads": World(
        "goodreads",
        {
            "goodreads_interactions.json": _objects(
                SHELVED, ("A", "11", "Fri Apr 21 08:36:52 -0700 2017", 5),
                ("A", "12", "Sat Dec 10 08:36:52 -0800 2011", 0), ("B", "11", "Tue Dec 04 09:00:03 -0800 2012", 3),
            ),
            "goodreads_books.json": _objects({"book_id": "i", "title": "w"}, ("11", "Café poems"), ("12", "Odes")),
        },
        "goodreads_interactions.json",
    ),
    "lastfm": World(
        "lastfm",
        {
            "userid-timestamp-artid-artname-traid-traname.tsv": Table(
                ("userid", "timestamp", "artid", "artname", "traid", "traname"), "iwwwiw",
                [("u1", "2009-04-08T01:57:47Z", "m1", "The Dogs", "t1", "Fall, again"),
                 ("u1", "2009-04-08T01:53:56Z", "m1", "The Dogs", "t2", "Wait"),
                 ("u2", "2009-04-09T01:53:56Z", "m2", "Café Tacvba", "t3", "Ingrata")], "\t", False,
            )
        },
        "userid-timestamp-artid-artname-traid-traname.tsv",
    ),
    "steam": World(
        "steam",
        {
            "steam_reviews.json": _objects(
                PLAYED, ("ann", "20", "2017-12-24", "It's \"fun\""), ("ann", "10", "2017-12-17", "Good."),
                ("bob", "10", "2017-12-18", "Café!"), literal=True,
            ),
            "steam_games.json": _objects(
                {"id": "i", "title": "w", "genres": "x"},
                ("10", "Café Tycoon", ["Indie"]), ("20", "Chess", []), literal=True,
            ),
        },
        "steam_reviews.json",
    ),
    "yelp": World(
        "yelp",
        {
            "review.json": _objects(
                VISITED, ("A", "g", "2016-03-09 10:11:12", 4, "Good."), ("A", "h", "2016-03-08", 5, "Café!"),
                ("B", "g", "2016-03-09 10:11:12", 1, "No."),
            ),
            "business.json": _objects(
                {"business_id": "i", "name": "w", "categories": "w"},
                ("g", "Café Garaje", "Mexican, Burgers"), ("h", "Taco", ""),
            ),
        },
        "review.json",
    ),
}  # fmt: skip
WORLDS["events-jsonl"] = replace(
    WORLDS["events-jsonl"],
    files={
        **WORLDS["events-jsonl"].files,
        "events.jsonl": Objects(
            EVENT,
            [
                {
                    name: float(cell) if EVENT[name] in "nt" else cell
                    for name, cell in zip(EVENT, row, strict=True)
                    if cell
                }
                for row in EVENTS
            ],
        ),
    },
)


def _zip(name: str, content: bytes) -> tuple[str, bytes]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as package:
        package.writestr(f"folder/{name}", content)
        package.writestr(f"__MACOSX/._{name}", b"\0")
    return f"{name}.zip", stream.getvalue()


def _iso(seconds: str) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(float(seconds), UTC).isoformat() if float(seconds) >= 1e8 else seconds


DIALECTS: Mapping[str, Form] = {
    "line ends of Windows": Form(end="\r\n"),
    "line ends of old Macs": Form(end="\r"),
    "no end of the last line": Form(last_end=False),
    "blank lines at the end": Form(blank_lines=True),
    "a byte order mark": Form(encode=lambda text: text.encode("utf-8-sig")),
    "UTF-16, little end first": Form(encode=lambda text: b"\xff\xfe" + text.encode("utf-16-le")),
    "UTF-16, big end first": Form(encode=lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
    "gzip": Form(packed=lambda name, content: (f"{name}.gz", gzip.compress(content))),
    "gzip under a plain name": Form(packed=lambda name, content: (name, gzip.compress(content))),
    "zip": Form(packed=_zip),
    "semicolons": Form(separator=";"),
    "tabs": Form(separator="\t"),
    "all in quotation marks": Form(quoted=True),
    "names in capitals": Form(header=str.upper),
    "names with blanks": Form(header=lambda name: f" {name.replace('_', ' ')} "),
    "columns in another order": Form(shuffled=True),
    "a further column": Form(extra=True),
    "numbers with a fraction": Form(number=lambda number: f"{float(number):.1f}"),
    "numbers with an exponent": Form(
        number=lambda number: f"{float(number):e}", time=lambda time: f"{float(time):.12e}"
    ),
    "times written out": Form(time=_iso),
    "blanks around ids": Form(identity=lambda name: f" {name}\u00a0"),
    "ids in pieces": Form(identity=lambda name: unicodedata.normalize("NFD", name)),
    "ids as tables of numbers write them": Form(identity=lambda name: f"{name}.0" if name.isdecimal() else name),
    "many files": Form(parts=3),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("plain")
    return {name: found(world.write(folder / name, Form())) for name, world in WORLDS.items()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", WORLDS)
def test_a_dialect_is_read_as_the_plain_form(name: str, dialect: str, plain: Mapping[str, Any], tmp_path: Path) -> None:
    assert len(plain[name][0]) == 2
    assert found(WORLDS[name].write(tmp_path / "data", DIALECTS[dialect])) == plain[name]


@given(name=st.sampled_from(sorted(WORLDS)), chosen=st.sets(st.sampled_from(sorted(DIALECTS)), min_size=2, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_dialects_may_be_mixed(
    name: str, chosen: set[str], plain: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    form = Form()
    for dialect in sorted(chosen):
        changed = {key: value for key, value in vars(DIALECTS[dialect]).items() if value != getattr(PLAIN, key)}
        form = replace(form, **changed)
    assert found(WORLDS[name].write(tmp_path_factory.mktemp("mixed") / "data", form)) == plain[name]


PLAIN = Form()


@pytest.mark.parametrize("name", ["events-csv", "events-jsonl"])
def test_a_further_name_in_our_own_layout_is_refused_with_the_cure(name: str, tmp_path: Path) -> None:
    world = WORLDS[name]
    file = world.files[world.events]
    if isinstance(file, Table):
        rows = [(*row, "fine") for row in file.rows]
        file = replace(file, columns=(*file.columns, "mood"), kinds=file.kinds + "w", rows=rows)
    else:
        file = Objects({**file.kinds, "mood": "w"}, [{**row, "mood": "fine"} for row in file.rows])
    with pytest.raises(Corrupt, match=r"events\.\w+:1: mood: expected only person, .*leave it out"):
        replace(world, files={**world.files, world.events: file}).write(tmp_path / "data", Form())


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Form(time=lambda time: f"{time}000"), r"time_seconds: .*as large as milliseconds; divide by 1,000"),
        (Form(time=lambda time: _iso(time).replace("+00:00", "")), r"got one without a zone; write Z behind it"),
        (Form(time=lambda time: "14/11/2023"), r"time_seconds: expected a number, got a text"),
        (Form(number=lambda number: f"{number},5"), r"value: expected a number, got one with a comma; write a point"),
        (
            Form(encode=lambda text: text.encode("cp1252")),
            r"expected UTF-8 text, got other bytes; save the file as UTF-8",
        ),
        (
            Form(packed=lambda name, content: (f"{name}.gz", gzip.compress(content)[:-9])),
            r"expected a whole gzip or zip file",
        ),
    ],
)
def test_what_is_unclear_is_refused_with_file_field_and_cure(form: Form, said: str, tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=said) as refused:
        WORLDS["events-csv"].write(tmp_path / "data", form)
    assert ".csv" in str(refused.value)


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    def two(name: str, content: bytes) -> tuple[str, bytes]:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as package:
            package.writestr("a.csv", content)
            package.writestr("b.csv", content)
        return f"{name}.zip", stream.getvalue()

    with pytest.raises(
        Corrupt, match=r"expected a zip of one file, or of one named items\.csv, got one of 2 files; unpack"
    ):
        WORLDS["events-csv"].write(tmp_path / "data", Form(packed=two))


def test_parts_whose_times_are_of_two_units_are_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,title\na,A\nb,B\n")
    (tmp_path / "events-1.csv").write_text("person,time_seconds,kind,item\np,1700000000,click,a\n")
    (tmp_path / "events-2.csv").write_text("person,time_seconds,kind,item\np,3,click,b\n")
    with pytest.raises(
        Corrupt, match=r"events-2\.csv:2: time_seconds: expected dates as in events-1\.csv, got a posit"
    ):
        load(f"events:{tmp_path}")
