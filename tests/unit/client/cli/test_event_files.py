"""Files of a person's events: what is read, what is refused and how it is said."""

import io
import json

import pytest

from client.cli.event_files import read_events_file
from shared.behaviour import EventKind
from shared.errors import Corrupt, Misconfigured

JSONL = (
    '{"time_seconds": 1700000000, "kind": "click", "item": "i1", "value": 4.0, "shown": ["i2", "i3"], '
    '"propensity": 0.5, "context": {"hour": "08"}}\n'
    "\n"
    '{"time_seconds": 1700000001.5, "kind": "search", "text": "old trains"}\n'
)
CSV = (
    "time_seconds,kind,item,text,value,shown,propensity\n"
    "1700000000,click,i1,,4.0,i2 i3,0.5\n"
    '1700000001.5,search,,"old, ""slow"" trains",,,\n'
)


@pytest.fixture
def write(tmp_path):
    def written(content, name="events.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return written


def test_json_lines_are_read_whole(write):
    first, second = (record.event(0.0) for record in read_events_file(write(JSONL))[0])
    assert (first.time_seconds, first.kind, first.item, first.value) == (1.7e9, EventKind.CLICK, "i1", 4.0)
    assert (first.shown, first.propensity, first.context) == (("i2", "i3"), 0.5, (("hour", "08"),))
    assert (second.kind, second.item, second.text) == (EventKind.SEARCH, None, "old trains")


def test_csv_says_the_same(write):
    first, second = (record.event(0.0) for record in read_events_file(write(CSV, "events.csv"))[0])
    assert (first.time_seconds, first.shown, first.propensity) == (1.7e9, ("i2", "i3"), 0.5)
    assert (second.item, second.text, second.value) == (None, 'old, "slow" trains', None)


def test_standard_input_is_read_as_json_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(JSONL.encode())))
    assert len(read_events_file("-")[0]) == 2


def test_equal_lines_get_keys_of_their_own_and_the_same_ones_each_time(write):
    path = write(JSONL.splitlines()[0] + "\n" + JSONL)
    keys = [record.key for record in read_events_file(path)[0]]
    assert len(set(keys)) == 3
    assert [record.key for record in read_events_file(path)[0]] == keys
    assert {record.key for record in read_events_file(write(JSONL, "later.jsonl"))[0]} < set(keys)


def test_a_key_in_the_file_is_kept(write):
    line = json.dumps({"time_seconds": 1, "kind": "click", "item": "a", "key": "mine"})
    assert [record.key for record in read_events_file(write(line))[0]] == ["mine"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json, a secret", "events.jsonl:1: expected one whole JSON object"),
        ('{"time_seconds": 1, "kind": "secret", "item": "a"}', "events.jsonl:1: kind: "),
        ('{"time_seconds": 1, "kind": "click"}', "events.jsonl:1: event: "),
        ('{"kind": "click", "item": "a"}', "events.jsonl:1: time_seconds: expected a value"),
        ('{"time_seconds": "secret", "kind": "click", "item": "a"}', "events.jsonl:1: time_seconds: "),
        ('{"time_seconds": 1, "kind": "click", "item": "a", "hue": "secret"}', "events.jsonl:1: hue: expected only"),
        ('{"time_seconds": 1, "kind": "click", "item": "a", "person": "secret"}', "leave out person"),
        ('{"time_seconds": 1700000000000, "kind": "click", "item": "a"}', "divide by 1,000"),
        (
            '{"time_seconds": 1, "kind": "review", "text": "' + "secret" * 2_000 + '"}',
            "text: String should have at most 10000",
        ),
        ("\n\n", "got none"),
        ("", "got an empty file"),
        (b"\xff\xfa", "expected UTF-8"),
        ("[" * 100_000, "events.jsonl:1: expected one whole JSON object"),
    ],
)
def test_what_is_wrong_is_said_by_line_and_field_without_its_content(write, content, said):
    with pytest.raises(Corrupt) as error:
        read_events_file(write(content))
    assert said in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind,item\nclick,a\n", "expected a column time_seconds"),
        ("person,time_seconds,kind,item\np1,1,click,a\n", "leave out person"),
        ("time_seconds,kind,item\n1,click\n", "events.csv:2: expected 3 fields, got 2"),
        ("time_seconds,kind,item\nsoon,click,a\n", "events.csv:2: time_seconds: expected a number"),
        ('time_seconds,kind,item\n1,click,"a\n', "closed quotation marks"),
    ],
)
def test_a_csv_that_is_none_is_refused(write, content, said):
    with pytest.raises(Corrupt, match=said):
        read_events_file(write(content, "events.csv"))


def test_twenty_wrong_lines_are_named_and_the_others_counted(write):
    with pytest.raises(Corrupt) as error:
        read_events_file(write("nothing\n" * 25))
    assert str(error.value).count("\n  events.jsonl:") == 20
    assert "and 5 more" in str(error.value)


def test_a_missing_file_is_a_wrong_path():
    with pytest.raises(Misconfigured, match="check the path"):
        read_events_file("/nowhere/events.jsonl")
