"""The catalogue: what it refuses, and that it comes back from a file as it went."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt, Misconfigured

TWO = Catalogue([Item("a", "A", "the first", ("x", "y")), Item("b", "B", "the second")])
SEEN = Catalogue(
    [
        Item("a", "A", "the first", features={"image": np.array([1, 2, 3], np.float32)}),
        Item("b", "B", "the second", added_seconds=7.5),
        Item("c", "C", "the third", features={"image": np.zeros(3, np.float32), "price": np.array([9], np.float32)}),
    ]
)
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


def test_an_item_may_say_when_it_came_and_one_that_does_not_is_written_as_before(tmp_path):
    SEEN.save(tmp_path / "catalogue.jsonl")
    lines = (tmp_path / "catalogue.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {
        "id": "b",
        "title": "B",
        "text": "the second",
        "categories": [],
        "added_seconds": 7.5,
    }
    assert "added_seconds" not in lines[0]
    assert [item.added_seconds for item in Catalogue.load(tmp_path / "catalogue.jsonl")] == [None, 7.5, None]


@pytest.mark.parametrize("added", ["NaN", "true", '"today"'])
def test_a_time_that_is_no_finite_number_is_corrupt(tmp_path, added):
    path = tmp_path / "catalogue.jsonl"
    path.write_text(f'{{"id": "a", "title": "A", "text": "t", "added_seconds": {added}}}\n')
    with pytest.raises(Corrupt, match="added_seconds is not a finite number"):
        Catalogue.load(path)
    with pytest.raises(Misconfigured, match="'a': expected added_seconds to be finite"):
        Catalogue([Item("a", "A", "t", added_seconds=float("inf"))])


def test_features_stand_side_by_side_and_zeros_are_not_the_same_as_none():
    image, price = SEEN.features["image"], SEEN.features["price"]
    assert image.values.tolist() == [[1, 2, 3], [0, 0, 0], [0, 0, 0]]
    assert image.present.tolist() == [True, False, True]
    assert (price.values.tolist(), price.present.tolist(), price.width) == ([[0], [0], [9]], [False, False, True], 1)
    assert TWO.features == {}


def test_features_come_back_from_the_file_beside_the_catalogue(tmp_path):
    SEEN.save(tmp_path / "catalogue.jsonl")
    back = Catalogue.load(tmp_path / "catalogue.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.jsonl", "catalogue.safetensors"]
    assert back.digest() == SEEN.digest()
    assert [sorted(item.features) for item in back] == [["image"], [], ["image", "price"]]
    assert back[0].features["image"].tolist() == [1, 2, 3]
    SEEN.without_features().save(tmp_path / "catalogue.jsonl")  # nothing of the old features is left behind
    assert not Catalogue.load(tmp_path / "catalogue.jsonl").features


def test_the_digest_covers_every_feature_and_whether_there_is_one():
    first, second, third = SEEN
    changed = replace(first, features={"image": np.array([1, 2, 3.5], np.float32)})
    given = replace(second, features={"image": np.zeros(3, np.float32)})
    digests = {
        catalogue.digest()
        for catalogue in (
            SEEN, SEEN.without_features(), Catalogue([changed, second, third]), Catalogue([first, given, third])
        )
    }  # fmt: skip
    assert len(digests) == 4
    assert SEEN.without_features().without_features().digest() == SEEN.without_features().digest()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"image": np.zeros(2)},
            r"'image' of item 'z': expected 3 numbers as the first item has them, got shape \(2,\)",
        ),
        ({"image": np.zeros((1, 3))}, "expected 3 numbers"),
        ({"image": np.array([0, np.nan, 0])}, "'image' of item 'z': expected finite numbers"),
        ({"price": np.zeros(0)}, "'price' of item 'z': expected 1 numbers"),
        ({"Ünsafe/name": np.zeros(1)}, "expected a name of small letters"),
    ],
)
def test_features_that_do_not_fit_are_refused_and_the_item_named(features, message):
    with pytest.raises(Misconfigured, match=message):
        Catalogue([SEEN[0], Item("z", "Z", "text", features=features)])


VALUES, PRESENT = np.zeros((3, 2), np.float32), np.ones(3, bool)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not safetensors", "expected the features of a catalogue in safetensors"),
        (save({"image.values": VALUES}), "expected values and present of each block"),
        (save({"image": VALUES}), "expected values and present of each block"),
        (save({"image.values": VALUES[:2], "image.present": PRESENT[:2]}), "expected features of 3 items, got 2"),
        (save({"image.values": VALUES.astype(np.float64), "image.present": PRESENT}), "expected float32 values"),
        (save({"image.values": VALUES[0], "image.present": PRESENT}), "expected float32 values"),
    ],
)
def test_a_corrupt_feature_file_is_named(tmp_path, content, message):
    SEEN.save(tmp_path / "catalogue.jsonl")
    (tmp_path / "catalogue.safetensors").write_bytes(content)
    with pytest.raises(Corrupt, match=rf"catalogue\.safetensors: .*{message}"):
        Catalogue.load(tmp_path / "catalogue.jsonl")
