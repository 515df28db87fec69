"""The catalogue: what it refuses, and that it comes back from a file as it went."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured

TWO = Catalogue([Item("a", "A", "the first", ("x", "y")), Item("b", "B", "the second")])
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item"),
        ([Item("", "A", "text")], "item 0 has an empty id"),
        ([Item("a", "A", " \n")], "'a' has no text"),
        ([Item("a", "A", "x"), Item("b", "B", "y"), Item("a", "C", "z")], "'a' stands at rows 0 and 2"),
    ],
)
def test_an_impossible_catalogue_is_refused_and_the_item_named(items, message):
    with pytest.raises(Misconfigured, match=message):
        Catalogue(items)


def test_rows_are_the_order_of_the_items():
    assert [TWO.row("a"), TWO.row("b")] == [0, 1]
    assert TWO[1].id == "b"
    assert TWO.texts == ["the first", "the second"]
    assert "a" in TWO
    assert "c" not in TWO
    assert None not in TWO
    with pytest.raises(Misconfigured, match="'c' is not in the catalogue of 2 items"):
        TWO.row("c")


def test_the_digest_is_that_of_one_json_line_an_item():
    lines = [
        {"id": "a", "title": "A", "text": "the first", "categories": ["x", "y"]},
        {"id": "b", "title": "B", "text": "the second", "categories": []},
    ]
    expected = "".join(json.dumps(line) + "\n" for line in lines).encode()
    assert TWO.digest() == hashlib.sha256(expected).hexdigest()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(words, words, words, st.lists(words, max_size=2)), min_size=1, unique_by=lambda item: item[0])
)
def test_a_catalogue_of_any_words_comes_back_from_its_file(tmp_path_factory, rows):
    items = [Item(name, title, "t" + text, tuple(categories)) for name, title, text, categories in rows]
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.jsonl"
    Catalogue(items).save(path)
    assert list(Catalogue.load(path)) == items


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"id": "b", "title": "B"}',
        b'["b", "B", "text"]',
        b'{"id": 7, "title": "B", "text": "t"}',
        b'{"id": "b", "title": "B", "text": null}',
        b'{"id": "b", "title": "B", "text": "t", "categories": "xy"}',
        b'{"id": "b", "title": "B", "text": "\xff"}',
        b"",
    ],
)
def test_a_corrupt_line_is_named_by_its_number(tmp_path, line):
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(b'{"id": "a", "title": "A", "text": "t"}\n' + line + b"\n")
    with pytest.raises(Corrupt, match=r"catalogue\.jsonl:2: "):
        Catalogue.load(path)
