"""Finding a person's words in public texts, whatever script they are written in.

Most scripts set blanks between words, so "art" must not be found in "party". Others set none: there a word is found
wherever its characters stand side by side. Korean sets blanks, but writes its particles onto the words.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from shared.words import unspaced_characters

# Marks where a line may break, or where a reader should not see any: they stand in the midst of words.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))


def folded(text: str) -> str:
    """A text as it is compared: without case, hidden marks and outer blanks.

    The several ways to write one character become one.
    """
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once).translate(_INVISIBLE).strip()


def blocked_in(text: str, words: Iterable[str]) -> bool:
    """Whether a text holds one of these words.

    Args:
        text: as it was written; it is folded before it is compared.
        words: folded, none of them empty.
    """
    within = folded(text)
    return any(_holds(within, word) for word in words)


def _holds(text: str, word: str) -> bool:
    at = text.find(word)
    while at >= 0:
        if not _in_one_word(text, at) and not _in_one_word(text, at + len(word)):
            return True
        at = text.find(word, at + 1)
    return False


def _in_one_word(text: str, at: int) -> bool:
    """Whether what stands before this place and what stands there are of one word of a script with blanks."""
    return 0 < at < len(text) and _spelt_with_blanks(text[at - 1]) and _spelt_with_blanks(text[at])


@lru_cache(maxsize=4096)
def _spelt_with_blanks(character: str) -> bool:
    """Whether it is a letter, mark or digit of a script that sets blanks between words."""
    if unicodedata.category(character)[0] not in "LMN":
        return character == "_"
    return not unspaced_characters(character)
