"""Files of events: what spreadsheets and editors write is read, what cannot be meant is refused with its line."""

import json

import pytest

from shared.behaviour import EventKind
from shared.errors import Corrupt
from shared.records import EVENTS, Reading, identity, read_events

EVENT = {"person": "p1", "time_seconds": 1_700_000_000, "kind": "click", "item": "i1"}
ROW = "p1,1700000000,click,i1\n"
EXPECTED = {"person": "p1", "time_seconds": 1.7e9, "kind": EventKind.CLICK, "item": "i1"}


@pytest.fixture
def read(tmp_path):
    """Rows of a file and its notes."""

    def rows(content, name="events.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        reading = Reading(path, EVENTS)
        return [fields for _, fields in read_events(reading)], reading.notes

    return rows


def jsonl(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def said(read, *content):
    with pytest.raises(Corrupt) as error:
        read(*content)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (f"\ufeffperson,time_seconds,kind,item\n{ROW}", ()),
        (f"person,time_seconds,kind,item,\n{ROW.strip()},\n", ()),
        (f"person,time_seconds,kind,item\n{ROW.strip()},\n", ()),
        ("person,time_seconds,kind,item\np1 , 1700000000, Click,\u00a0i1\n", ()),
        (f"Person,Time_Seconds,KIND,Item\n{ROW}", ("names are read without regard to capitals and blanks",)),
        (f"person, time seconds, kind, item\n{ROW}", ("names are read without regard to capitals and blanks",)),
        (f"person;time_seconds;kind;item\n{ROW}".replace(",", ";"), ("fields are separated by ; and not by commas",)),
        (
            f"person,time_seconds,kind,item\n{ROW}".replace(",", "\t"),
            ("fields are separated by tabs and not by commas",),
        ),
        (f"person,time_seconds,kind,item\r{ROW}".replace("\n", "\r"), ()),
    ],
)
def test_what_spreadsheets_write_is_read(read, content, notes):
    assert read(content) == ([EXPECTED], tuple(f"events.csv: {note}" for note in notes))


def test_a_long_text_in_a_table_is_read(read):
    text = "so long " * 40_000
    rows, _ = read(f"person,time_seconds,kind,text\np1,1700000000,review,{text}\n")
    assert rows[0]["text"] == text.strip()


def test_json_lines_of_an_editor_are_read(read):
    content = b"\xef\xbb\xbf" + jsonl(EVENT | {"person": "p1 ", "item": 15}, EVENT | {"item": 15.0}).encode()
    rows, notes = read(content, "events.jsonl")
    assert [(row["person"], row["item"]) for row in rows] == [("p1", "15")] * 2
    assert notes == ("events.jsonl: ids that are written as numbers are read as texts (2 times)",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("p1,1700000000,click,i1\n", "events.csv:1: expected a first line that names the columns person, time_seconds"),
        (f"person,time_seconds,kind,item,user_agent\n{ROW}", "events.csv:1: user_agent: expected only person"),
        (f"person,time_seconds,kind,item,valu\n{ROW}", "valu: expected only"),
        ("time_seconds,kind,item\n", "expected a column person, got time_seconds, kind, item"),
        ("person,time_seconds,kind,item,person\n", "person: expected the column once"),
        ("person,time_seconds,kind,item\np1,1700000000\n", "events.csv:2: expected 4 fields, got 2"),
        ("person,time_seconds,kind,item\np1,1,click,a,b\n", "events.csv:2: expected 4 fields, got 5"),
        ("person,time_seconds,kind,item,\np1,1,click,a,b\n", "events.csv:2: column 5: expected nothing"),
        ('person,time_seconds,kind,text\np1,1,view,a\np1,2,view,"b\nc\nd', "events.csv:3: expected CSV with closed"),
        (
            "person,time_seconds,kind,item\np1,1_700_000_000,click,i1\n",
            "time_seconds: expected a number, got one with und",
        ),
        (
            'person,time_seconds,kind,item,value\np1,1,click,i1,"4,5"\n',
            "value: expected a number, got one with a comma",
        ),
        (b"person,kind\n\xff\xfe", "events.csv:2: expected UTF-8 text"),
        ("", "got an empty file"),
    ],
)
def test_a_table_that_is_none_says_what_to_change(read, content, message):
    assert message in said(read, content)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"time_seconds": 1_700_000_000_000}, "time_seconds: expected seconds since 1970-01-01 UTC, got a number as "
         "large as milliseconds; divide by 1,000"),
        ({"time_seconds": 1_700_000_000_000_000}, "as large as microseconds"),
        ({"time_seconds": 10**18}, "as large as nanoseconds"),
        ({"time_seconds": 10**400}, "time_seconds: expected a finite number"),
        ({"time_seconds": True}, "time_seconds: expected a number, got true or false"),
        ({"time_seconds": "1700000000"}, "time_seconds: expected a number, got a text"),
        ({"time_seconds": -1_700_000_000}, "got a number below zero"),
        ({"time_seconds": 19_675}, "time_seconds: expected dates as on line 1, got a position"),
        ({"propensity": 0}, "propensity: expected a chance above 0 up to 1, got zero or less"),
        ({"propensity": 50}, "propensity: expected a chance above 0 up to 1, got a larger number; write 50 % as 0.5"),
        ({"propensity": False}, "propensity: expected a number, got true or false"),
        ({"value": float("nan")}, "value: expected a finite number"),
        ({"item": True}, "item: expected a text, got true or false"),
        ({"item": 1.5}, "item: expected a text, got a number"),
        ({"kind": "wink"}, "kind: expected one of view, click"),
        ({"shown": "i1 i2"}, "shown: expected a list"),
        ({"context": {"hour": 8}}, "context: expected an object of words"),
        ({"hue": "red"}, "hue: expected only person"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_refused_with_its_line_and_not_quoted(read, changed, message):
    error = said(read, jsonl(EVENT, EVENT | changed), "events.jsonl")
    assert f"events.jsonl:2: {message}" in error or message in error.split("events.jsonl:2: ")[1]
    assert "red" not in error.replace("required", "")


def test_positions_are_read_and_dates_among_them_refused(read):
    rows, _ = read(jsonl(*(EVENT | {"time_seconds": place} for place in range(3))), "events.jsonl")
    assert [row["time_seconds"] for row in rows] == [0, 1, 2]
    error = said(read, jsonl(EVENT | {"time_seconds": 3}, EVENT), "events.jsonl")
    assert "events.jsonl:2: time_seconds: expected positions in a sequence as on line 1, got a date" in error


def test_a_name_that_stands_twice_in_one_line_is_refused(read):
    line = '{"person": "p", "time_seconds": 1, "kind": "view", "item": "a", "item": "b"}\n'
    assert "events.jsonl:1: item: expected once, got twice" in said(read, line, "events.jsonl")
    line = line.replace('"item": "b"', '"Item": "b"')
    assert "events.jsonl:1: item: expected once, got twice" in said(read, line, "events.jsonl")


def test_a_list_instead_of_lines_is_told_as_such(read):
    assert "write each of its entries on a line of its own" in said(read, json.dumps([EVENT]), "events.jsonl")


def test_twenty_bad_lines_are_told_at_once_and_the_others_counted(read):
    error = said(read, jsonl(*[EVENT | {"propensity": 2}] * 25), "events.jsonl")
    assert error.count("\n  events.jsonl:") == 20
    assert error.endswith("and 5 more")
    assert "25 lines are none; nothing was kept" in error


@pytest.mark.parametrize("name", ["i1", " i1", "i1\t", "\ufeffi1", "i\u200b1", "\u00a0i1\u00a0"])
def test_names_that_look_the_same_are_the_same(name):
    assert identity(name) == "i1"


def test_names_are_composed_and_keep_their_inner_blank():
    assert identity("Cafe\u0301  au\u00a0lait") == "Caf\u00e9 au lait"
