"""Layouts that others publish, as recipes: which files, which columns, how times are written, and what an event is.

One row of `PUBLISHED_LAYOUTS` is a layout; `published.py` reads them all. Each names the page that describes it. Those
of Goodreads and Steam were written down from what is generally known of them and not held against their pages. None of
the data is part of Hushrec, and each has terms of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from shared.behaviour import EventKind

Form = Literal["table", "objects", "literals"]
TimeForm = Literal["seconds", "milliseconds", "moment", "goodreads"]


@dataclass(frozen=True, slots=True)
class EventFiles:
    """Files whose rows are events.

    Attributes:
        names: patterns of the files' names without what says how they are packed; all that fit are read, in order.
        form: a table, JSON objects, or Python literals (objects as an old program printed them), one a line.
        person, item, time: columns.
        time_form: seconds, milliseconds, a moment in ISO 8601 (UTC where no zone is told), or as Goodreads prints it.
        kind: of every event.
        text: columns whose words are the person's own, joined.
        value: column of a rating; a 0 there is none.
        item_titles: columns that name the item, where no file of items does; together its id, where that is empty.
        columns: of a table, in their order; it has no header and is separated by tabs.
    """

    names: tuple[str, ...]
    form: Form
    person: str
    item: str
    time: str
    time_form: TimeForm
    kind: EventKind
    text: tuple[str, ...] = ()
    value: str = ""
    item_titles: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def names_read(self) -> tuple[str, ...]:
        """All columns that are read."""
        return (self.person, self.item, self.time, *self.text, *([self.value] if self.value else []))


@dataclass(frozen=True, slots=True)
class ItemFiles:
    """Files whose rows are items.

    Attributes:
        names, form: as of `EventFiles`.
        item: column of the id.
        titles: columns of the title; the first that is not empty.
        categories: column of a list of categories, or of a text of them between commas.
        text: columns that the encoder reads behind title and categories.
    """

    names: tuple[str, ...]
    form: Form
    item: str
    titles: tuple[str, ...]
    categories: str = ""
    text: tuple[str, ...] = ()

    @property
    def names_read(self) -> tuple[str, ...]:
        """All columns that are read."""
        return (self.item, *self.titles, *([self.categories] if self.categories else []), *self.text)


@dataclass(frozen=True, slots=True)
class PublishedLayout:
    """A data set as it is published.

    Attributes:
        title: what it is.
        page: where its layout is described.
        events: its events.
        items: its items; None where the events name them.
    """

    title: str
    page: str
    events: EventFiles
    items: ItemFiles | None


PUBLISHED_LAYOUTS: Mapping[str, PublishedLayout] = MappingProxyType(
    {
        "amazon-2023": PublishedLayout(
            "Amazon Reviews 2023: reviews CATEGORY.jsonl and products meta_CATEGORY.jsonl",
            "https://amazon-reviews-2023.github.io/",
            EventFiles(
                ("[A-Z]*.jsonl",),
                "objects",
                person="user_id",
                item="parent_asin",
                time="timestamp",
                time_form="milliseconds",
                kind=EventKind.REVIEW,
                text=("title", "text"),
                value="rating",
            ),
            ItemFiles(
                ("meta_*.jsonl",), "objects", "parent_asin", ("title",), "categories", ("features", "description")
            ),
        ),
        "goodreads": PublishedLayout(
            "Goodreads (UCSD Book Graph): goodreads_interactions*.json and goodreads_books*.json",
            "https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html",
            EventFiles(
                ("goodreads_interactions*.json",),
                "objects",
                person="user_id",
                item="book_id",
                time="date_added",
                time_form="goodreads",
                kind=EventKind.RATING,
                value="rating",
            ),
            ItemFiles(
                ("goodreads_books*.json",),
                "objects",
                "book_id",
                ("title", "title_without_series"),
                text=("description",),
            ),
        ),
        "lastfm": PublishedLayout(
            "Last.fm 1K: userid-timestamp-artid-artname-traid-traname.tsv; an item is a track",
            "http://ocelma.net/MusicRecommendationDataset/lastfm-1K.html",
            EventFiles(
                ("userid-timestamp-artid-artname-traid-traname.tsv",),
                "table",
                person="userid",
                item="traid",
                time="timestamp",
                time_form="moment",
                kind=EventKind.VIEW,
                item_titles=("traname", "artname"),
                columns=("userid", "timestamp", "artid", "artname", "traid", "traname"),
            ),
            None,
        ),
        "steam": PublishedLayout(
            "Steam: steam_reviews.json and steam_games.json, as Python literals",
            "https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
            EventFiles(
                ("steam_reviews.json", "steam_new.json"),
                "literals",
                person="username",
                item="product_id",
                time="date",
                time_form="moment",
                kind=EventKind.REVIEW,
                text=("text",),
            ),
            ItemFiles(("steam_games.json",), "literals", "id", ("title", "app_name"), "genres", ("tags", "specs")),
        ),
        "yelp": PublishedLayout(
            "Yelp Open Dataset: review.json and business.json",
            "https://business.yelp.com/data/resources/open-dataset/",
            EventFiles(
                ("*review.json",),
                "objects",
                person="user_id",
                item="business_id",
                time="date",
                time_form="moment",
                kind=EventKind.REVIEW,
                text=("text",),
                value="stars",
            ),
            ItemFiles(("*business.json",), "objects", "business_id", ("name",), "categories", ("city",)),
        ),
    }
)
