"""Reads Amazon reviews, one JSON object a line. A reviewer's name is dropped as soon as its line is parsed.

An item that `meta_NAME.json` beside the reviews gives a title has its text from there. Reviews hold no titles, so the
public text of any other item is made of published reviews of it (`review_texts`); the last two reviews of every person,
validation and test, are never used for that.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue, Item
from shared.errors import Corrupt
from shared.records import identity
from simulations.datasets.dataset import Dataset
from simulations.datasets.logbook import EventCollector
from simulations.datasets.review_texts import PublicReview, catalogue_from_reviews
from simulations.datasets.rows import event_time, finite, objects
from simulations.datasets.tally import LoadCounter

_NAME = re.compile(r"(.+?)(?:_5)?\.jsonl?(?:\.gz|\.zip)?")
_NAMES = ("reviewerID", "asin", "unixReviewTime", "overall", "summary", "reviewText", "reviewerName")
_META = "meta_"
_HELD_BACK_PER_PERSON = 2
_WORDS_DESCRIBED = 60


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
    return [path for path in _named(folder) if not path.name.startswith(_META)]


def _named(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


def load_reviews(folder: Path) -> Dataset:
    """Load all review files of `folder`: kind REVIEW, the person's words as text, the stars as value.

    Raises:
        Corrupt: a line is not a review (or not JSON, in the metadata too), or there is no review at all.
    """
    tally = LoadCounter()
    categories: dict[str, str] = {}
    reviews = []
    for path in review_files(folder):
        category = _NAME.sub(r"\1", path.name).replace("_", " ")
        for review in _unrepeated(_reviews(path, tally), tally):
            categories.setdefault(review.item, category)
            reviews.append(review)
    if not reviews:
        raise Corrupt(
            f"{folder}: expected reviews with reviewerID, asin and unixReviewTime, got none; where they are those of "
            "2023 (user_id, parent_asin), say amazon-2023:DIR"
        )
    public = [PublicReview(review.item, review.summary, review.words) for review in _not_held_back(reviews)]
    described: dict[str, Item] = {}
    for path in _named(folder):
        if path.name.startswith(_META):
            _describe(path, categories, described, tally)
    made = catalogue_from_reviews(categories, public)
    logbook = EventCollector(catalogue := Catalogue(described.get(item.id, item) for item in made), tally)
    for review in reviews:
        text = ". ".join(part for part in (review.summary, review.words) if part)
        event = Event(review.time_seconds, EventKind.REVIEW, review.item, text, review.stars)
        logbook.add(review.person, event, review.path, review.line)
    people = logbook.people(folder)
    files = {"items": folder, "events": folder}
    return Dataset(f"amazon {folder.name}", catalogue, people, tally.report(), files=files)


def _reviews(path: Path, tally: LoadCounter) -> Iterator[_Review]:
    for line, record in objects(path, tally, _NAMES):
        name = record.pop("reviewerName", None)
        person, item, time = (record.get(name) for name in ("reviewerID", "asin", "unixReviewTime"))
        if not person or not item or time is None:
            tally.skip("review without person, item or time", path, line)
            continue
        stars, summary, words = (record.get(name) for name in ("overall", "summary", "reviewText"))
        if not all(part is None or isinstance(part, str) for part in (person, item, summary, words)):
            raise Corrupt(f"{path}:{line}: expected texts for reviewerID, asin, summary and reviewText")
        yield _Review(
            path,
            line,
            identity(person),
            identity(item),
            event_time(time, path, line, "unixReviewTime"),
            None if stars is None else finite(stars, path, line, "overall"),
            "" if summary == name else (summary or "").strip(),  # some sign with their name there
            (words or "").strip(),
        )


def _describe(path: Path, categories: Mapping[str, str], described: dict[str, Item], tally: LoadCounter) -> None:
    """Items by what the published metadata says of them: title, categories, the first words of the description."""
    for line, record in objects(path, tally):
        item, title = record.get("asin"), _words(record.get("title"))
        if not isinstance(item, str) or not title:
            tally.skip("metadata without item or title", path, line)
        elif item not in categories:
            tally.skip("metadata of an item without reviews", path, line)
        elif item in described:
            tally.skip("metadata stands twice", path, line)
        else:
            kinds = _words(record.get("category", record.get("categories")), ", ")
            telling = " ".join(_words(record.get("description")).split()[:_WORDS_DESCRIBED])
            text = ". ".join(part.rstrip(".") for part in (title, kinds, telling) if part) + "."
            described[item] = Item(item, title, text, (categories[item],))
            tally.kept += 1


def _words(found: object, between: str = " ") -> str:
    """The texts in a text, a list or a list of lists, without their HTML characters."""
    if isinstance(found, list):
        return between.join(part for part in (_words(one, between) for one in found) if part)
    return html.unescape(found).strip() if isinstance(found, str) else ""


def _unrepeated(reviews: Iterator[_Review], tally: LoadCounter) -> Iterator[_Review]:
    """The reviews whose person, item and text did not stand before; the others are reported."""
    seen = set()
    for review in reviews:
        key = (review.person, review.item, review.summary, review.words)
        if key in seen:
            tally.skip("review stands twice", review.path, review.line)
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
