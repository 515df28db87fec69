"""Makes public item texts out of published reviews, for data without item titles. It is given no review of a test.

The text of an item is its most telling words (frequent in its reviews, rare in those of others), then summaries and
first words of a few reviews. An item without any review given is known by its category and id alone.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.catalogue import Catalogue, Item

_TELLING_WORDS = 8
_TITLE_WORDS = 4
_REVIEWS_QUOTED = 4
_WORDS_QUOTED = 12
_WORD = re.compile(r"[a-z][a-z0-9'-]{2,}")


@dataclass(frozen=True, slots=True)
class PublicReview:
    """A published review that may speak for its item."""

    item: str
    summary: str
    words: str

    def __repr__(self) -> str:
        return f"PublicReview({len(self.summary) + len(self.words)} characters)"


def catalogue_from_reviews(categories: Mapping[str, str], reviews: Iterable[PublicReview]) -> Catalogue:
    """Every item of `categories` (item id to category), with a text from the reviews of it that are given."""
    of_item: dict[str, list[PublicReview]] = {item: [] for item in categories}
    for review in reviews:
        of_item[review.item].append(review)
    counts = {item: Counter(w for r in given for w in set(_vocabulary(r))) for item, given in of_item.items()}
    items_with = Counter(word for words in counts.values() for word in words)
    return Catalogue(
        _item(item, categories[item], of_item[item], counts[item], items_with, len(categories)) for item in categories
    )


def _item(
    item: str,
    category: str,
    reviews: Sequence[PublicReview],
    counts: Counter[str],
    items_with: Counter[str],
    items: int,
) -> Item:
    shared = [word for word in counts if items_with[word] > 1]  # a word of one item alone is a slip or a name
    telling = sorted(shared, key=lambda word: (-counts[word] * math.log(items / items_with[word]), word))
    telling = telling[:_TELLING_WORDS]
    title = f"{category}: {', '.join(telling[:_TITLE_WORDS])}" if telling else f"{category} product {item}"
    quotes = [_quote(review) for review in sorted(reviews, key=lambda review: _worth(review, telling))]
    text = " ".join((f"{', '.join(telling) or title}.", *quotes[:_REVIEWS_QUOTED]))
    return Item(item, title, text, (category,))


def _worth(review: PublicReview, telling: Sequence[str]) -> tuple[int, str]:
    """Sorts reviews whose quote holds more of the telling words first."""
    quoted = set(_WORD.findall(_quote(review).lower()))
    return -len(quoted & set(telling)), review.summary


def _quote(review: PublicReview) -> str:
    first_words = " ".join(review.words.split()[:_WORDS_QUOTED])
    return " ".join(f"{part.rstrip('.')}." for part in (review.summary, first_words) if part)


def _vocabulary(review: PublicReview) -> list[str]:
    return _WORD.findall(f"{review.summary} {review.words}".lower())
