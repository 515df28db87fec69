"""Items from a file: what is read, what is refused and where."""

import json

import pytest

from shared.catalogue import Item
from shared.errors import Corrupt, Misconfigured
from shared.records import read_items


@pytest.fixture
def write(tmp_path):
    def written(content, name="items.jsonl"):
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in content).encode()
        path.write_bytes(content)
        return path

    return written


def test_both_forms_of_a_file_give_the_same_items(write):
    lines = write(
        [
            {"id": "a", "title": "A, b", "text": "x", "categories": ["c", "d e"], "added_seconds": 5},
            {"id": "b", "title": "B"},
        ]
    )
    table = write(
        b'\xef\xbb\xbfid,title,text,categories,added_seconds\r\na,"A, b",x,c|d e,5\r\nb,B,,,\r\n', "items.csv"
    )
    expected = [Item("a", "A, b", "x", ("c", "d e"), 5.0), Item("b", "B", "B")]
    assert read_items(lines)[0] == read_items(table)[0] == expected


def test_every_wrong_line_is_named_at_once_without_quoting_it(write):
    good = {"id": "a", "title": "A"}
    wrong = [
        good,
        "{not json",
        {"id": "b"},
        {"id": "c", "title": " "},
        {"id": "d", "title": 7},
        {"id": "e", "title": "E", "secret": "words"},
        {"id": "f", "title": "F", "categories": "one"},
        {"id": "g", "title": "G", "added_seconds": True},
        good,
        '{"id": "h", "title": "H", "added_seconds": 1e999}',
        "[1]",
    ]
    with pytest.raises(Corrupt) as raised:
        read_items(write(wrong))
    lines = str(raised.value).splitlines()[1:]
    assert [int(line.split(":")[1]) for line in lines] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    for line, words in zip(
        lines,
        ("JSON object", "title: expected a value", "title:", "title: expected a text", "secret: expected only id",
         "categories:", "added_seconds:", "another than on line 1", "added_seconds:", "JSON object"),
        strict=True,
    ):  # fmt: skip
        assert words in line
    assert "words" not in str(raised.value)


def test_of_many_wrong_lines_twenty_are_named(write):
    with pytest.raises(Corrupt) as raised:
        read_items(write(["nothing"] * 33))
    assert str(raised.value).count("\n  items.jsonl:") == 20
    assert str(raised.value).endswith("and 13 more")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,title\na,A\n", "name: expected only id, title"),
        (b"id,title,title\na,A,B\n", "title: expected the column once, got it 2 times"),
        (b"id,title\na,A,more\n", "2: expected 2 fields"),
        (b"id,title\na\n", "2: expected 2 fields"),
        (b'id,title\na,"A\n', "closed quotation marks"),
        (b"id,title,added_seconds\na,A,soon\n", "2: added_seconds"),
        (b"id,title\n", "at least one item"),
        (b"\xff\xfa", "UTF-8"),
    ],
)
def test_a_table_of_another_form_is_corrupt(write, content, message):
    with pytest.raises(Corrupt, match=message):
        read_items(write(content, "items.csv"))


def test_a_missing_file_and_one_of_another_kind_are_misconfigured(tmp_path, write):
    with pytest.raises(Misconfigured, match="expected a readable file"):
        read_items(tmp_path / "none.jsonl")
    with pytest.raises(Misconfigured, match=r"\.jsonl or \.csv"):
        read_items(write(["x"], "items.txt"))


def test_what_is_missing_is_handed_to_whoever_counts_it(write):
    lost = []
    items, _ = read_items(
        write([{"id": "a", "title": "A"}, {"id": "b"}, "", {"title": "C"}]), lambda *of: lost.append(of)
    )
    assert [item.id for item in items] == ["a"]
    assert lost == [(2, "item without id or title"), (3, "blank line"), (4, "item without id or title")]


def test_a_name_that_is_nearly_one_is_told_by_the_right_one(write):
    with pytest.raises(Corrupt, match=r"items\.jsonl:1: titel: expected only .*; write title if that is meant"):
        read_items(write([{"id": "a", "titel": "A"}]))


def test_ids_that_look_the_same_are_the_same(write):
    with pytest.raises(Corrupt, match=r":2: id: expected another than on line 1"):
        read_items(write([{"id": "Caf\u00e9", "title": "A"}, {"id": " Cafe\u0301\u200b ", "title": "B"}]))


def test_times_in_milliseconds_are_refused(write):
    with pytest.raises(Corrupt, match=r":1: added_seconds: expected seconds .* milliseconds; divide by 1,000"):
        read_items(write([{"id": "a", "title": "A", "added_seconds": 1700000000000}]))


def test_features_are_numbers_or_lists_of_them_by_name(write):
    lines = [
        {"id": "a", "title": "A", "features": {"price": 9.5, "image": [1, 0.5]}},
        {"id": "b", "title": "B", "features": {"image": [0, 2]}},
        {"id": "c", "title": "C", "features": {}},
    ]
    read = [{name: values.tolist() for name, values in i.features.items()} for i in read_items(write(lines))[0]]
    assert read == [{"price": [9.5], "image": [1.0, 0.5]}, {"image": [0.0, 2.0]}, {}]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([1, 2], "features: expected an object such as .*, got a list"),
        ({"Image": 1}, "features: expected names of at most 32 small letters"),
        ({"image": []}, "features: image: expected 1 to 4096 numbers, got 0"),
        ({"image": [1, "x"]}, "features: image: expected a number, got a text"),
        ({"image": [1e30, 1]}, "features: image: expected numbers of at most 1e.18"),
        ({"image": [1, 2, 3]}, "features: image: expected 2 numbers as on line 1, got 3"),
    ],
)
def test_features_that_are_none_are_named_with_their_line(write, features, message):
    first = {"id": "a", "title": "A", "features": {"image": [1, 2]}}
    with pytest.raises(Corrupt, match=rf"items\.jsonl:2: {message}"):
        read_items(write([first, {"id": "b", "title": "B", "features": features}]))
    with pytest.raises(Corrupt, match=r"items\.csv:1: .*features.* JSON lines only"):
        read_items(write(b"id,title,features\na,A,1\n", "items.csv"))
