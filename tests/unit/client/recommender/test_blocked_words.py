"""A person's blocked words: a word blocks itself, in whatever script and spelling, and no other word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.recommender import RecommendOptions
from client.recommender.blocked_words import blocked_in, folded
from shared.catalogue import Catalogue, Item
from shared.errors import Misconfigured


def blocks(word: str, text: str) -> bool:
    return blocked_in(text, [folded(word)])


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("art", "Modern art, and more"),
        ("art", "ART"),
        ("art", "an art's history"),
        ("ART", "pop-art"),
        ("new york", "All of New York today"),
        ("straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("c++", "C++: a primer"),
        ("party", "par\u00adty"),
        (" art ", "art"),
        ("ｆｕｌｌ", "full"),
        ("कला", "आधुनिक कला"),
        ("𗀁", "𗀀𗀁𗀂"),  # Tangut, whose characters Python gives no names
        ("искусство", "Искусство и жизнь"),
        ("战争", "关于战争的新闻"),
        ("戰爭", "一場戰爭片"),
        ("戦争", "太平洋戦争の記録"),
        ("ニュース", "今日のニュースです"),
        ("ﾆｭｰｽ", "今日のニュースです"),
        ("สงคราม", "ข่าวสงครามวันนี้"),
        ("น้ำ", "แม่น้ํา"),
        ("សង្គ្រាម", "ព័ត៌មានសង្គ្រាមថ្ងៃនេះ"),
        ("សង្គ្រាមថ្ងៃ", "ព័ត៌មាន\u200bសង្គ្រាម\u200bថ្ងៃ\u200bនេះ"),
        ("ສົງຄາມ", "ຂ່າວສົງຄາມມື້ນີ້"),
        ("စစ်ပွဲ", "ယနေ့စစ်ပွဲသတင်း"),
        ("전쟁", "전쟁은 끝났다"),
        ("art", "关于art的新闻"),
        ("art", "ข่าวartวันนี้"),
        ("T恤", "新款T恤上市"),
    ],
)
def test_a_word_blocks_what_holds_it(word: str, text: str) -> None:
    assert blocks(word, text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("art", "a party"),
        ("art", "artist"),
        ("art", "art2"),
        ("art", "smart_art_work"),
        ("art", "a\nrt"),
        ("कल", "आधुनिक कला"),  # the next sign is a vowel mark of the same word
        ("е", "искусство не"),
        ("战争", "战后的竞争"),
        ("สงคราม", "ข่าววันนี้"),
        ("๑", "๒๑"),  # another number
        ("T恤", "关于NT恤的"),  # its first letter is of a script with blanks, and stands in another word
        ("e", "e\u0302x"),
    ],
)
def test_a_word_blocks_nothing_else(word: str, text: str) -> None:
    assert not blocks(word, text)


@given(st.text(min_size=1, max_size=6).filter(lambda word: bool(folded(word))))
def test_a_word_blocks_itself_alone_between_blanks_and_in_any_case(word: str) -> None:
    for text in (word, f"x {word} y", folded(word)):
        assert blocks(word, text)


def test_wishes_leave_out_the_items_that_hold_a_blocked_word_in_title_or_text() -> None:
    items = Catalogue(
        [
            Item("a", "关于战争的新闻", "新闻"),
            Item("b", "天气", "一場戰爭片"),
            Item("c", "ข่าวสงครามวันนี้", "ข่าว"),
            Item("d", "A party", "A party"),
            Item("e", "Title", "Modern ART"),
        ]
    )
    wishes = RecommendOptions(blocked_words=frozenset({"战争", "戰爭", "สงคราม", "art"}))
    assert wishes.allowed(items).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("blank", ["", "  ", "\u200b"])
def test_a_blocked_word_that_is_none_is_refused(blank: str) -> None:
    with pytest.raises(Misconfigured, match="blanks alone"):
        RecommendOptions(blocked_words=frozenset({blank}))
