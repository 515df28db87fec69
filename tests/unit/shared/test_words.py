"""Words in any script: whole ones between blanks, pieces of equal length, and those that a collection sets apart."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared.words as words_module
from client.recommender.blocked_words import _spelt_with_blanks
from shared.words import Vocabulary, unspaced_characters, words_of
from tests.support.docstrings import run_examples


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An old Telescope, two lenses!", {"old", "telescope", "two", "lenses"}),
        ("foo_bar 12abc3", {"foo", "bar", "abc"}),
        ("STRASSE, Straße", {"strasse"}),
        ("Café cafe\u0301", {"café"}),
        ("Искусство и жизнь", {"искусство", "жизнь"}),
        ("हिन्दी में", {"हिन्दी", "में"}),  # vowel signs are marks, and belong to the word
        ("天文", {"天文"}),
        ("书", {"书"}),
        ("用Python写网络爬虫。", {"用", "python", "写网", "网络", "络爬", "爬虫"}),
        ("望遠鏡のニュース", {"望遠", "遠鏡", "鏡の", "のニ", "ニュ", "ュー", "ース"}),
        ("ﾆｭｰｽ ＡＢＣ", {"ニュ", "ュー", "ース", "abc"}),
        ("전쟁은 끝났다", {"전쟁", "쟁은", "끝났", "났다"}),
        ("ข่าวดี", {"ข่าว", "่าวด", "าวดี"}),
        ("，。！", set()),
        ("", set()),
    ],
)
def test_the_words_of_a_text_counted_by_hand(text: str, expected: set[str]) -> None:
    assert words_of(text) == expected


@given(st.text(st.characters(max_codepoint=0x24F)))
def test_where_blanks_are_set_words_are_runs_of_three_letters_and_more(text: str) -> None:
    """Of Latin text the words are what a plain expression finds."""
    folded = unicodedata.normalize("NFC", text.casefold())
    if not any(unicodedata.category(character)[0] == "M" for character in folded):
        assert words_of(text) == set(re.findall(r"[^\W\d_]{3,}", folded))


def test_every_letter_is_of_a_script_with_blanks_or_of_one_without_as_unicode_names_it() -> None:
    """The ranges against the names, which blocked words go by."""
    wrong = [
        f"U+{code:04X} {unicodedata.name(character, '')}"
        for code, character in ((code, chr(code)) for code in range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] == "L"
        and unicodedata.name(character, "")
        and not (0xFF00 <= code <= 0xFFEF)  # of other width: they are made the usual ones first
        and _spelt_with_blanks(character) == bool(unspaced_characters(character))
    ]
    assert wrong == []


def test_no_punctuation_is_taken_for_a_letter() -> None:
    taken = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code))[0] in "PZ" and unspaced_characters(chr(code))
    ]
    assert taken == []


PLACES = ("山", "海", "城", "乡", "湖", "岛")


def test_words_are_found_by_what_stands_beside_them_and_fragments_are_not() -> None:
    texts = [f"{place}天文望远镜{place}边" for place in PLACES]
    texts += [f"{place}的红烧肉做法{other}" for place, other in zip(PLACES, PLACES[::-1], strict=True)]
    vocabulary = Vocabulary(texts)
    assert "红烧" not in vocabulary.words_in("红烧肉")  # "肉" always follows
    assert "远镜" not in vocabulary.words_in("望远镜")
    # "天文望远镜" is longer than any word looked for, so neither of its parts has varied company.
    assert vocabulary.words_in("天文望远镜") == set()
    more = Vocabulary([*texts, *(f"{place}望远镜{place}" for place in PLACES)])
    assert more.words_in("望远镜") == {"望远镜"}


def test_particles_are_taken_off_words() -> None:
    texts = [f"{place}的书法和{place}" for place in PLACES] + [f"{place}书法{place}" for place in PLACES]
    assert Vocabulary(texts).words_in("的书法和") == {"书法"}
    korean = [f"{place} 전쟁{end} {place}" for place in PLACES for end in ("은", "이", "을", "")]
    assert Vocabulary(korean).words_in("전쟁은") == {"전쟁"}


def test_grammar_in_kana_is_no_word_and_neither_is_what_everybody_says() -> None:
    texts = [f"{place}について{place}" for place in PLACES] + [f"{place}为什么{place}" for place in PLACES]
    assert Vocabulary(texts).words_in("について 为什么") == set()


def test_thai_words_are_found_too() -> None:
    around = ("นก", "มด", "ปู", "กบ", "วัว")
    texts = [f"{one}สงคราม{other}" for one, other in zip(around, around[::-1], strict=True)]
    assert Vocabulary(texts).words_in("ข่าวสงคราม") == {"สงคราม"}


def test_of_a_large_collection_a_part_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "_SAMPLED_CHARACTERS", 200)
    texts = [f"{place}望远镜{other}" for place in PLACES for other in PLACES] * 10
    assert len(words_module._drawn(texts)) == 40  # of five characters each
    assert "望远镜" in Vocabulary(texts).words_in("望远镜")
    assert words_module._drawn(["english alone"]) == []


def test_the_examples_run() -> None:
    assert run_examples(words_of, {}) + run_examples(Vocabulary, {}) == 4
