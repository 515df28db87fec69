"""Reads Amazon reviews, one JSON object a line. A reviewer's name is dropped as soon as its line is parsed.

The files hold no item titles, so the public text of an item is made of published reviews of it (`review_texts`). The
last two reviews of every person, validation and test, are never used for that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.behaviour import Event, EventKind
from shared.errors import Corrupt
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import Logbook
from simulations.datasets.review_texts import PublicReview, catalogue_from_reviews
from simulations.datasets.rows import finite, objects
from simulations.datasets.tally import Tally

_NAME = re.compile(r"(.+?)(?:_5)?\.jsonl?(?:\.gz)?")
_HELD_BACK_PER_PERSON = 2


@dataclass(frozen=True, slots=True)
class _Review:
    """What is kept of one line; the name of the reviewer is not."""

    path: Path
    line: int
    person: str
    item: str
    time_seconds: float
    stars: float | None
    summary: str
    words: str

    def __repr__(self) -> str:
        return f"_Review({len(self.summary) + len(self.words)} characters)"


def review_files(folder: Path) -> list[Path]:
    """The review files of a folder, by name; each is one category of products."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


def load_reviews(folder: Path) -> Dataset:
    """Load all review files of `folder`: kind REVIEW, the person's words as text, the stars as value.

    Raises:
        Corrupt: a line is not a review, or there is none at all.
    """
    tally = Tally()
    categories: dict[str, str] = {}
    reviews = []
    for path in review_files(folder):
        category = _NAME.sub(r"\1", path.name).replace("_", " ")
        for review in _unrepeated(_reviews(path, tally), tally):
            categories.setdefault(review.item, category)
            reviews.append(review)
    if not reviews:
        raise Corrupt(f"{folder}: expected reviews with reviewerID, asin and unixReviewTime, got none")
    public = [PublicReview(review.item, review.summary, review.words) for review in _not_held_back(reviews)]
    logbook = Logbook(catalogue := catalogue_from_reviews(categories, public), tally)
    for review in reviews:
        text = ". ".join(part for part in (review.summary, review.words) if part)
        event = Event(review.time_seconds, EventKind.REVIEW, review.item, text, review.stars)
        logbook.add(review.person, event, review.path, review.line)
    return Dataset(f"amazon {folder.name}", catalogue, logbook.people(folder), tally.report())


def _reviews(path: Path, tally: Tally) -> Iterator[_Review]:
    for line, record in objects(path, tally):
        name = record.pop("reviewerName", None)
        person, item, time = (record.get(name) for name in ("reviewerID", "asin", "unixReviewTime"))
        if not person or not item or time is None:
            tally.lose("review without person, item or time", path, line)
            continue
        stars, summary, words = (record.get(name) for name in ("overall", "summary", "reviewText"))
        if not all(part is None or isinstance(part, str) for part in (person, item, summary, words)):
            raise Corrupt(f"{path}:{line}: expected texts for reviewerID, asin, summary and reviewText")
        yield _Review(
            path,
            line,
            person,
            item,
            finite(time, path, line, "unixReviewTime"),
            None if stars is None else finite(stars, path, line, "overall"),
            "" if summary == name else (summary or "").strip(),  # some sign with their name there
            (words or "").strip(),
        )


def _unrepeated(reviews: Iterator[_Review], tally: Tally) -> Iterator[_Review]:
    """The reviews whose person, item and text did not stand before; the others are reported."""
    seen = set()
    for review in reviews:
        key = (review.person, review.item, review.summary, review.words)
        if key in seen:
            tally.lose("review stands twice", review.path, review.line)
        else:
            seen.add(key)
            yield review


def _not_held_back(reviews: Sequence[_Review]) -> Iterator[_Review]:
    """All reviews but each person's last two, by time, ties in file order."""
    left: dict[str, int] = {}
    in_order = sorted(reviews, key=lambda review: review.time_seconds)
    for review in reversed(in_order):
        left[review.person] = left.get(review.person, 0) + 1
        if left[review.person] > _HELD_BACK_PER_PERSON:
            yield review
