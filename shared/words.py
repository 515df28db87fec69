"""The words of a text in whatever script, without a dictionary.

Most scripts set blanks between words; a word is then a run of letters, with the marks that belong to them. Chinese,
Japanese, Thai and some others set none, and Korean writes its particles onto the words. There two things serve:

* to compare texts, overlapping pieces of equal length: pairs of characters, and fours of letters where a script spells
  (McNamee and Mayfield 2004, "Character N-Gram Tokenization for European Language Text Retrieval");
* to show words to people, those that a collection of texts itself sets apart: strings that stand between many different
  characters (Feng et al. 2004, "Accessor Variety Criteria for Chinese Word Extraction").
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_LEAST_LETTERS = 3  # of a word that blanks set apart
_SPACED = re.compile(rf"[^\W\d_]{{{_LEAST_LETTERS},}}")
# Scripts without blanks whose characters are syllables or words: Chinese, Japanese, Korean, Yi, Tangut, Nushu.
_SYLLABIC = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303a\u3041-\u3096\u3099-\u309a\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c"
    "\uac00-\ud7fb\u1100-\u11ff\uf900-\ufaff\U00016fe0\U00016fe1\U00016fe4-\U0001b2ff\U00020000-\U000323af"
)
# Those whose characters are letters: Thai, Lao, Tibetan, Myanmar, Khmer, the Tai scripts, Balinese, Javanese.
_SPELT = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u0f00\u0f18-\u0f19\u0f35\u0f37\u0f39\u0f3e-\u0f84\u0f86-\u0fbc"
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17d7\u17dc-\u17dd\u1950-\u19cf\u1a20-\u1a7c\u1aa7\u1b00-\u1b4c"
    "\ua980-\ua9c0\ua9cf\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaac2\uaadb-\uaadd"
)
_UNSPACED = re.compile(f"[{_SYLLABIC}{_SPELT}]+")
_WIDTHS = re.compile(
    "[\uff00-\uffef]+"
)  # characters of full and of half width, in Japanese side by side with the others
_MARKS_END = 0x1E950  # behind it no script has marks on its letters

_LEAST_VARIETY = 3  # different characters on either side of a word
_SAMPLED_CHARACTERS = 200_000  # enough to know the words that a catalogue repeats
_LONGEST = {"syllabic": 4, "spelt": 10}
_SHORTEST = {"syllabic": 2, "spelt": 3}
_NGRAM = {"syllabic": 2, "spelt": 4}
# What no word to show begins or ends with: particles and pronouns of Chinese, and particles of Japanese.
_OUTER = frozenset("的了着吗呢吧啊嘛们我你他她它您这那哪這嗎們著のをはがにへともやかねよで")
# What is taken off a word where a word is left: conjunctions and prepositions of Chinese, particles of Korean.
_LOOSE = frozenset(
    "是在和与與及或也都就把被让讓给給从從向对對为為于於之其个個很太更最又还還再没沒不只有会會要能到上中里裡地得以等每各"
    "은는이가을를의에도로와과만"
)
_COMMON = """
    一个 一個 一种 一種 一些 一下 一样 一樣 一次 一起 一直 一定 可以 可能 没有 沒有 什么 什麼 怎么 怎麼 怎样
    怎樣 如何 为什么 為什麼 因为 因為 所以 但是 如果 虽然 雖然 以及 或者 不是 就是 还是 還是 已经 已經 自己
    现在 現在 时候 時候 这个 那个 其中 其他 关于 關於 通过 通過 进行 進行 非常 之后 之後 之前 以后 以後 以前
    需要 应该 應該 知道 觉得 覺得 起来 起來 出来 出來 下来 这样 那样 这些 那些 大家 东西 東西 很多 许多 許多
    これ それ あれ この その ため こと もの よう さん など について として そして しかし また から まで より
    です ます した する いる ある なる ない 그리고 그러나 하지만 있는 없는 하는 합니다 입니다 있습니다 대한
    위한 위해 통해 때문 경우 우리 모든 다른 같은 많은 가장 어떻게 무엇
"""
_KANA = re.compile("[\u3041-\u3096\u3099-\u309f\u30fc]+")  # a Japanese word without a Chinese sign is mostly grammar


class _Run(NamedTuple):
    """Letters side by side, of scripts alike: "spaced", "syllabic" or "spelt"."""

    kind: str
    letters: str


def words_of(text: str) -> set[str]:
    """The words that a text is compared by, without case: whole ones, or pieces where a script sets no blanks.

    Of fewer letters than three a word that stands between blanks tells nothing; a lone Chinese character does.

    Example:
        >>> sorted(words_of("An old Telescope"))
        ['old', 'telescope']
        >>> sorted(words_of("新望远镜 ABC"))
        ['abc', '新望', '望远', '远镜']
    """
    text = text.casefold()
    if text.isascii():
        return set(_SPACED.findall(text))
    found = set()
    for kind, letters in _runs(text):
        if kind == "spaced":
            found.update([letters] if len(letters) >= _LEAST_LETTERS else [])
        else:
            length = _NGRAM[kind]
            found.update(letters[at : at + length] for at in range(max(1, len(letters) - length + 1)))
    return found


def unspaced_characters(text: str) -> int:
    """How many characters of a text are of scripts that set no blanks."""
    return 0 if text.isascii() else sum(map(len, _UNSPACED.findall(text)))


class Vocabulary:
    """The words that a collection of texts itself sets apart, in scripts without blanks; in others all words are known.

    Example:
        >>> texts = ["新望远镜。", "买望远镜记", "修望远镜", "望远镜下", "旧望远镜上"]
        >>> sorted(Vocabulary(texts).words_in("我的望远镜, a Telescope"))
        ['telescope', '望远镜']
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Learn the words of a collection, from as many of its texts as hold 200,000 characters."""
        runs = [run for text in _drawn(list(texts)) for run in _runs(text.lower()) if run.kind != "spaced"]
        varied, common = _varied(runs), set(_COMMON.split())
        self._words = frozenset(
            word
            for word in varied
            if word not in common
            and not {word[0], word[-1]} & _OUTER
            and not (word[0] in _LOOSE and word[1:] in varied)
            and not (word[-1] in _LOOSE and word[:-1] in varied)
            and not _KANA.fullmatch(word)
        )

    def __repr__(self) -> str:
        return f"Vocabulary({len(self._words)} words)"

    def words_in(self, text: str) -> set[str]:
        """Words of a text in small letters; in scripts without blanks the known ones, the longest first."""
        text = text.lower()
        if text.isascii():
            return set(_SPACED.findall(text))
        found = set()
        for kind, letters in _runs(text):
            if kind == "spaced":
                found.update([letters] if len(letters) >= _LEAST_LETTERS else [])
                continue
            at = 0
            while at < len(letters):
                lengths = range(min(_LONGEST[kind], len(letters) - at), _SHORTEST[kind] - 1, -1)
                longest = next((size for size in lengths if letters[at : at + size] in self._words), 0)
                found.update([letters[at : at + longest]] if longest else [])
                at += longest or 1
        return found


def _runs(text: str) -> Iterator[_Run]:
    """Runs of letters in their order."""
    text = _WIDTHS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), unicodedata.normalize("NFC", text))
    for found in _pattern().finditer(text):
        yield _Run(found.lastgroup or "", found[0])


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Runs by kind. Vowel signs of Indian scripts and the like are marks, which no class of `re` has."""
    marks = "".join(
        character
        for character in map(chr, range(0x300, _MARKS_END))
        if unicodedata.category(character)[0] == "M" and not _UNSPACED.match(character)
    )
    return re.compile(
        rf"(?P<syllabic>[{_SYLLABIC}]+)|(?P<spelt>[{_SPELT}]+)|(?P<spaced>(?:[^\W\d_{_SYLLABIC}{_SPELT}][{marks}]*)+)"
    )


def _drawn(texts: list[str]) -> list[str]:
    """Of many texts so many, drawn by chance, that they hold some 200,000 characters of scripts without blanks."""
    total = sum(map(unspaced_characters, texts))
    if total <= _SAMPLED_CHARACTERS:
        return texts if total else []
    drawn = np.random.default_rng(0).choice(len(texts), len(texts) * _SAMPLED_CHARACTERS // total, replace=False)
    return [texts[row] for row in np.sort(drawn)]


def _varied(runs: list[_Run]) -> set[str]:
    """Strings that several different characters stand before and behind; the edge of a run is another one each time."""
    counts: Counter[str] = Counter()
    for kind, letters in runs:
        for start, end in _places(kind, letters):
            counts[letters[start:end]] += 1
    before: defaultdict[str, set[str]] = defaultdict(set)
    behind: defaultdict[str, set[str]] = defaultdict(set)
    for number, (kind, letters) in enumerate(runs):
        for start, end in _places(kind, letters):
            word = letters[start:end]
            if counts[word] >= _LEAST_VARIETY:
                before[word].add(letters[start - 1] if start else f"run {number}")
                behind[word].add(letters[end] if end < len(letters) else f"run {number}")
    return {word for word in before if min(len(before[word]), len(behind[word])) >= _LEAST_VARIETY}


def _places(kind: str, letters: str) -> Iterator[tuple[int, int]]:
    for length in range(_SHORTEST[kind], _LONGEST[kind] + 1):
        for start in range(len(letters) - length + 1):
            yield start, start + length
