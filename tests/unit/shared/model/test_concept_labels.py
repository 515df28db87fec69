"""Names of concepts: made of words people understand, and changed by an operator."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured
from shared.model import name_concepts, read_names, rename
from tests.support.tiny import TOPICS, catalogue


def spelled(words: Sequence[str]) -> np.ndarray:
    """A stand-in for the encoder: how often a word has each of the letters a to z."""
    return np.array([[word.count(chr(letter)) for letter in range(97, 123)] for word in words], np.float32)


def names_of(items: Catalogue, shares: np.ndarray, centres: np.ndarray | None = None) -> tuple[str, ...]:
    return name_concepts(items, shares, np.ones((shares.shape[1], 26)) if centres is None else centres, spelled)


def by_topic(items: Catalogue) -> np.ndarray:
    topics = list(dict.fromkeys(item.categories[0] for item in items))
    return np.asarray([[item.categories[0] == topic for topic in topics] for item in items], np.float32)


def prose(*texts: str) -> Catalogue:
    return Catalogue(Item(str(row), "t", text, ("any",)) for row, text in enumerate(texts))


def test_a_concept_of_one_topic_is_named_by_its_category_and_its_words():
    items = catalogue()
    for name, (topic, words) in zip(names_of(items, by_topic(items)), TOPICS.items(), strict=True):
        category, telling = name.split(" · ")
        assert category == topic
        assert set(telling.split(", ")) <= set(words.split())
        assert topic not in telling


def test_the_words_nearest_to_the_concept_come_first():
    # All words set the garden apart alike; the centre lies in the direction of "lawn".
    items = catalogue()
    centres = np.concatenate([spelled(["lawn"]), np.ones((3, 26))])
    assert names_of(items, by_topic(items), centres)[0].startswith("garden · lawn, ")


def test_stop_words_and_words_of_one_stem_are_left_out():
    items = prose(*["before these dancers dance, because dancing is their everything and they hum"] * 3, *["other"] * 5)
    shares = np.asarray([[1.0]] * 3 + [[0.0]] * 5, np.float32)
    (name,) = names_of(items, shares)
    category, words = name.split(" · ")
    assert category == "any"
    assert len(words.split(", ")) == 2
    assert {word[:4] for word in words.split(", ")} == {"danc", "hum"}


def test_a_word_that_sentences_write_with_a_capital_only_is_somebodys_name():
    told = "the old house where Janet lives with her brother stands by the water. Ferry boats pass the house of Janet"
    items = prose(*[told] * 2, *["nothing of this kind stands here at all"] * 4)
    (name,) = names_of(items, np.asarray([[1.0]] * 2 + [[0.0]] * 4, np.float32))
    assert "janet" not in name
    # "Ferry" has a capital because it begins a sentence: nobody can tell, so it may stay.
    shortened = prose(*["by the water. Ferry", "by the water. Ferry"], *["nothing of this kind here"] * 4)
    assert "ferry" in names_of(shortened, np.asarray([[1.0]] * 2 + [[0.0]] * 4, np.float32))[0]


def test_where_most_words_have_capitals_they_say_nothing():
    items = prose(*["A Steel Kettle For Kitchens"] * 2, *["Wooden Toys For Children"] * 4)
    (name,) = names_of(items, np.asarray([[1.0]] * 2 + [[0.0]] * 4, np.float32))
    assert {"kettle", "steel", "kitchens"} == set(name.split(" · ")[1].split(", "))


def test_names_are_unique_even_where_concepts_are_alike_or_empty():
    items = catalogue()
    shares = np.zeros((len(items), 4), np.float32)
    shares[:6, :2] = 0.5
    names = names_of(items, shares)
    assert len(set(names)) == 4
    assert names[3] == "concept 4"


def test_names_of_a_release_are_unique_and_made_of_the_catalogue(tiny):
    release, _ = tiny.release()
    assert len(set(release.concept_names)) == 6
    words = set(" ".join(release.catalogue.texts).split()) | set(TOPICS)
    for name in release.concept_names:
        assert set(name.replace(" · ", " ").replace(",", "").split()) <= words


OLD = ("bread", "cats · claws", "3")


def test_concepts_are_renamed_by_number_or_by_name():
    assert rename(OLD, {"1": "baking", "cats · claws": " animals "}) == ("baking", "animals", "3")
    assert rename(OLD, {"bread": "3", "3": "bread"}) == ("3", "cats · claws", "bread")  # a name goes before a number
    assert rename(OLD, {}) == OLD


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dogs": "animals"}, "expected a number from 1 to 3 or the name of a concept, got 'dogs'"),
        ({"0": "zero"}, "got '0'"),
        ({"4": "four"}, "got '4'"),
        ({"²": "four"}, "got '²'"),
        ({"1": "baking", "bread": "loaves"}, "expected each concept once, got number 1 twice"),
        ({"1": "3"}, "expected every concept to have a name of its own, got '3' twice"),
        ({"1": " "}, "'1': expected a name in words, got ' '"),
        ({"1": 5}, "'1': expected a name in words, got 5"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(Misconfigured, match=message):
        rename(OLD, changes)


def test_names_are_read_from_a_file(tmp_path):
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"1": "baking", "cats · claws": "animals"}))
    assert read_names(path) == {"1": "baking", "cats · claws": "animals"}


@pytest.mark.parametrize("content", ["", "[]", '{"1": 2}', '{"1": "a", "1": "b"}', '{"1": {"a": "b"}}'])
def test_a_file_of_names_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="concept names"):
        read_names(path)
    with pytest.raises(Misconfigured, match="concept names"):
        read_names(tmp_path / "nowhere.json")


def test_concepts_of_a_catalogue_without_blanks_are_named_by_its_words():
    subjects = {"天文": ("望远镜", "流星雨", "黑洞"), "厨艺": ("红烧肉", "手工面", "酸菜鱼")}
    frames = ("周末的{}。", "老师讲{}！", "{}入门", "谈谈{}的门道", "家里也有{}", "第一次看{}")
    items = Catalogue(
        Item(f"{subject}{word}{place}", "题", frame.format(word), (subject,))
        for subject, words in subjects.items()
        for word in words
        for place, frame in enumerate(frames)
    )
    shares = np.asarray([[item.categories == (subject,) for subject in subjects] for item in items], np.float32)

    def read(words: Sequence[str]) -> np.ndarray:  # an encoder that knows what each word is of
        return np.asarray([[word in of_subject for of_subject in subjects.values()] for word in words], np.float32)

    named = name_concepts(items, shares, np.eye(2, dtype=np.float32), read)
    for name, (subject, words) in zip(named, subjects.items(), strict=True):
        category, telling = name.split(" · ")
        assert category == subject
        assert set(telling.split(", ")) == set(words)
