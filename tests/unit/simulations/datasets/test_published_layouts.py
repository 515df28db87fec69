"""Layouts as they are published: the loaders' contract, each on a made-up sample of the layout that its page shows."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shared.behaviour import EventKind
from shared.errors import Corrupt, Misconfigured
from simulations.datasets import load, spec_of
from simulations.datasets.published_layouts import PUBLISHED_LAYOUTS
from tests.unit.simulations.datasets.test_loader_contract import CatalogueFileContract, GzippedContract, LoaderContract


def jsonl(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def literals(*records: dict[str, Any]) -> bytes:
    """As Python 2 prints objects: {u'id': u'1'}."""
    lines = [
        "{" + ", ".join(f"u{name!r}: {'u' if isinstance(value, str) else ''}{value!r}" for name, value in one.items())
        + "}\n"
        for one in records
    ]  # fmt: skip
    return "".join(lines).encode()


class PublishedContract(CatalogueFileContract):
    """Published catalogues hold what nobody met, and some items twice; both are reported."""

    def test_a_catalogue_with_an_id_twice_is_an_error(self, folder: Path) -> None:
        self.change(folder, self.items_file, self.files[self.items_file] + self.extra_item)
        assert [(loss.reason, loss.count) for loss in self.load(folder).report.losses] == [("item stands twice", 1)]

    def test_events_of_an_item_that_has_no_title_are_reported(self, folder: Path) -> None:
        self.change(folder, self.items_file, self.files[self.items_file] + self.other_items)
        assert [loss.reason for loss in self.load(folder).report.losses] == ["item that nobody met"]

    def test_a_time_of_another_form_is_an_error_with_line_and_field(self, folder: Path) -> None:
        column = PUBLISHED_LAYOUTS[self.layout].events.time
        self.change(folder, self.events_file, self.files[self.events_file] + self.undated)
        place = self.place_of_added_row()
        with pytest.raises(Corrupt, match=rf"{place}: {column}: expected .*, got something else"):
            self.load(folder)

    undated: ClassVar[bytes]  # a row whose time is none


class TestMovieLens10M(CatalogueFileContract):
    """https://files.grouplens.org/datasets/movielens/ml-10m-README.html: half stars, UTF-8."""

    layout = "movielens"
    files: ClassVar = {
        "ratings.dat": b"1::122::5::838985046\n1::185::4.5::838983525\n2::122::0.5::838983392\n",
        "movies.dat": "122::Boomerang (1992)::Comedy|Romance\n185::Café au Lait (1993)::Comedy\n".encode(),
    }
    events_file, items_file = "ratings.dat", "movies.dat"
    expected: ClassVar = {"1": ["185", "122"], "2": ["122"]}
    duplicate, missing = b"2::122::0.5::838983392\n", b"2::::4::838983392\n"
    unknown = b"2::77::4::838983392\n"
    other_items, extra_item = b"77::Other::Drama\n", b"122::Again::Drama\n"


class TestMovieLens32M(CatalogueFileContract):
    """https://files.grouplens.org/datasets/movielens/ml-32m-README.html."""

    layout = "movielens"
    files: ClassVar = {
        "ratings.csv": b"userId,movieId,rating,timestamp\r\n1,17,4.0,944249077\r\n1,25,1.0,944250228\r\n"
        b"2,17,5.0,943228491\r\n",
        "movies.csv": "movieId,title,genres\r\n17,Sense and Sensibility (1995),Drama|Romance\r\n"
        '25,"Café, The (1995)",(no genres listed)\r\n'.encode(),
        "links.csv": b"movieId,imdbId,tmdbId\r\n17,0114388,4584\r\n",
        "tags.csv": b"userId,movieId,tag,timestamp\r\n22,17,Jane Austen,1583038886\r\n",
    }
    events_file, items_file = "ratings.csv", "movies.csv"
    expected: ClassVar = {"1": ["17", "25"], "2": ["17"]}
    duplicate, missing, unknown = b"2,17,5.0,943228491\r\n", b"2,,4,50\r\n", b"2,77,4,943228491\r\n"
    other_items, extra_item = b"movieId,title,genres\r\n77,Other,Drama\r\n", b"17,Again,Drama\r\n"


def _review_2023(person: str, item: str, time: object, words: str = "Nice.") -> bytes:
    return jsonl({
        "rating": 4.0, "title": "A Café thing", "text": words, "images": [], "asin": f"{item}v", "parent_asin": item,
        "user_id": person, "timestamp": time, "helpful_vote": 0, "verified_purchase": True,
    })  # fmt: skip


def _product_2023(item: str, title: str) -> bytes:
    return jsonl({
        "main_category": "All Beauty", "title": title, "average_rating": 4.8, "rating_number": 10,
        "features": ["Holds &amp; keeps"], "description": ["Blue.", "Round."], "price": None, "images": [],
        "videos": [], "store": "Acme", "categories": ["Kitchen", "Cups"], "details": {}, "parent_asin": item,
        "bought_together": None,
    })  # fmt: skip


class TestAmazon2023(PublishedContract, GzippedContract):
    layout = "amazon-2023"
    files: ClassVar = {
        "All_Beauty.jsonl.gz": _review_2023("A", "i2", 1588687728923) + _review_2023("A", "i1", 1588615855070)
        + _review_2023("B", "i1", 1589665266052),
        "meta_All_Beauty.jsonl.gz": _product_2023("i1", "Café cup") + _product_2023("i2", "Pot"),
    }  # fmt: skip
    events_file, items_file = "All_Beauty.jsonl.gz", "meta_All_Beauty.jsonl.gz"
    expected: ClassVar = {"A": ["i1", "i2"], "B": ["i1"]}
    duplicate = _review_2023("B", "i1", 1589665266052)
    missing, undated = _review_2023("B", "", 1589665266052), _review_2023("B", "i1", "yesterday")
    unknown = _review_2023("B", "i7", 1589665266052)
    other_items, extra_item = _product_2023("i9", "Other"), _product_2023("i1", "Again")

    def test_what_an_event_and_an_item_say(self, folder: Path) -> None:
        dataset = self.load(folder)
        event = next(person for person in dataset.people if person.id == "A").events[0]
        assert (event.kind, event.value, event.text) == (EventKind.REVIEW, 4.0, "A Café thing. Nice.")
        assert event.time_seconds == 1588615855.070
        assert dataset.catalogue[0].text == "Café cup. Kitchen, Cups. Holds & keeps Blue. Round."
        assert dataset.catalogue[0].categories == ("Kitchen", "Cups")

    def test_the_loader_of_older_reviews_names_this_one(self, folder: Path) -> None:
        with pytest.raises(Corrupt, match="say amazon-2023:DIR"):
            load(f"amazon:{folder}")


def _shelved(person: str, item: str, time: str, rating: int = 5) -> bytes:
    return jsonl({
        "user_id": person, "book_id": item, "review_id": f"r{item}", "is_read": True, "rating": rating,
        "review_text_incomplete": "", "date_added": time, "date_updated": time, "read_at": "", "started_at": "",
    })  # fmt: skip


def _book(item: str, title: str) -> bytes:
    return jsonl({
        "isbn": "", "text_reviews_count": "1", "series": [], "country_code": "US", "language_code": "", "book_id": item,
        "popular_shelves": [{"count": "3", "name": "to-read"}], "description": "A tale.", "authors": [],
        "title": title, "title_without_series": title, "work_id": "5",
    })  # fmt: skip


class TestGoodreads(PublishedContract, GzippedContract):
    layout = "goodreads"
    files: ClassVar = {
        "goodreads_interactions_poetry.json.gz": _shelved("A", "11", "Fri Apr 21 08:36:52 -0700 2017")
        + _shelved("A", "12", "Sat Dec 10 08:36:52 -0800 2011", 0)
        + _shelved("B", "11", "Tue Dec 04 09:00:03 -0800 2012"),
        "goodreads_books_poetry.json.gz": _book("11", "Café poems") + _book("12", "Odes"),
    }  # fmt: skip
    events_file, items_file = "goodreads_interactions_poetry.json.gz", "goodreads_books_poetry.json.gz"
    expected: ClassVar = {"A": ["12", "11"], "B": ["11"]}
    duplicate = _shelved("B", "11", "Tue Dec 04 09:00:03 -0800 2012")
    missing, undated = _shelved("B", "11", ""), _shelved("B", "11", "2012-12-04")
    unknown = _shelved("B", "77", "Tue Dec 04 09:00:03 -0800 2012")
    other_items, extra_item = _book("99", "Other"), _book("11", "Again")

    def test_a_book_on_a_shelf_without_stars_has_no_value(self, folder: Path) -> None:
        events = next(person for person in self.load(folder).people if person.id == "A").events
        assert [event.value for event in events] == [None, 5.0]
        assert events[1].time_seconds == 1492789012  # 15:36:52 UTC

    def test_a_time_of_another_form_is_an_error_with_line_and_field(self, folder: Path) -> None:
        self.change(folder, self.events_file, self.files[self.events_file] + self.undated)
        with pytest.raises(Corrupt, match=r":4: date_added: expected a moment such as Fri Apr 21"):
            self.load(folder)


class TestLastfm(LoaderContract):
    layout = "lastfm"
    files: ClassVar = {
        "userid-timestamp-artid-artname-traid-traname.tsv": (
            "user_000639\t2009-04-08T01:57:47Z\tm1\tThe Dogs D'Amour\tt1\tFall in Love Again?\n"
            "user_000639\t2009-04-08T01:53:56Z\tm1\tThe Dogs D'Amour\t\tWait Until I'm Dead\n"
            "user_000640\t2009-04-09T01:53:56Z\tm2\tCafé Tacvba\tt2\tIngrata\n"
            "user_000639\t2009-04-09T01:57:47Z\tm1\tThe Dogs D'Amour\tt1\tFall in Love Again?\n"
        ).encode(),
    }
    events_file = items_file = "userid-timestamp-artid-artname-traid-traname.tsv"
    nameless = "Wait Until I'm Dead / The Dogs D'Amour"
    expected: ClassVar = {"user_000639": [nameless, "t1", "t1"], "user_000640": ["t2"]}
    duplicate = "user_000640\t2009-04-09T01:53:56Z\tm2\tCafé Tacvba\tt2\tIngrata\n".encode()
    missing = b"user_000640\t2009-04-09T01:53:56Z\tm2\t\t\t\n"

    def test_a_track_is_named_with_its_artist(self, folder: Path) -> None:
        assert self.load(folder).catalogue[0].title == "Fall in Love Again?, The Dogs D'Amour"


def _played(person: str, item: str, date: str) -> bytes:
    return literals({
        "username": person, "hours": 0.4, "products": 2, "product_id": item, "page_order": 0, "date": date,
        "text": "It's \"fun\"", "early_access": False, "page": 1,
    })  # fmt: skip


def _game(item: str, title: str) -> bytes:
    return literals({"publisher": "Acme", "genres": ["Action", "Indie"], "app_name": title, "title": title, "id": item,
                     "tags": ["Strategy"], "specs": ["Single-player"]})  # fmt: skip


class TestSteam(PublishedContract, GzippedContract):
    layout = "steam"
    files: ClassVar = {
        "steam_reviews.json.gz": _played("Ann Lee", "20", "2017-12-24") + _played("Ann Lee", "10", "2017-12-17")
        + _played("bob", "10", "2017-12-18"),
        "steam_games.json.gz": _game("10", "Café Tycoon") + _game("20", "Chess"),
    }  # fmt: skip
    events_file, items_file = "steam_reviews.json.gz", "steam_games.json.gz"
    expected: ClassVar = {"Ann Lee": ["10", "20"], "bob": ["10"]}
    duplicate, unknown = _played("bob", "10", "2017-12-18"), _played("bob", "77", "2017-12-18")
    missing, undated = _played("bob", "", "2017-12-18"), _played("bob", "10", "18/12/2017")
    other_items, extra_item = _game("99", "Other"), _game("10", "Again")

    def test_what_the_zone_of_days_is_taken_for_is_noted(self, folder: Path) -> None:
        dataset = self.load(folder)
        assert dataset.report.notes == ("date tells no zone and is taken as UTC (3 times)",)
        assert dataset.catalogue[0].text == "Café Tycoon. Action, Indie. Strategy Single-player."

    def test_nothing_of_a_line_is_run(self, folder: Path) -> None:
        self.change(folder, self.events_file, b"__import__('os').getcwd()\n")
        with pytest.raises(Corrupt, match=r"steam_reviews\.json\.gz:1: expected one whole object as Python prints it"):
            self.load(folder)


def _visited(person: str, item: str, date: str) -> bytes:
    return jsonl({"review_id": "r", "user_id": person, "business_id": item, "stars": 4, "date": date, "text": "Good.",
                  "useful": 0, "funny": 0, "cool": 0})  # fmt: skip


def _business(item: str, title: str) -> bytes:
    return jsonl({"business_id": item, "name": title, "address": "475 3rd St", "city": "San Francisco", "state": "CA",
                  "stars": 4.5, "categories": "Mexican, Burgers", "hours": None})  # fmt: skip


class TestYelp(PublishedContract):
    layout = "yelp"
    files: ClassVar = {
        "yelp_academic_dataset_review.json": _visited("A", "g", "2016-03-09 10:11:12")
        + _visited("A", "h", "2016-03-08")
        + _visited("B", "g", "2016-03-09 10:11:12"),
        "yelp_academic_dataset_business.json": _business("g", "Café Garaje") + _business("h", "Taqueria"),
    }  # fmt: skip
    events_file, items_file = "yelp_academic_dataset_review.json", "yelp_academic_dataset_business.json"
    expected: ClassVar = {"A": ["h", "g"], "B": ["g"]}
    duplicate, unknown = _visited("B", "g", "2016-03-09 10:11:12"), _visited("B", "z", "2016-03-09 10:11:12")
    missing, undated = _visited("", "g", "2016-03-09 10:11:12"), _visited("B", "g", "soon")
    other_items, extra_item = _business("q", "Other"), _business("g", "Again")

    def test_categories_between_commas_are_several(self, folder: Path) -> None:
        assert self.load(folder).catalogue[0].categories == ("Mexican", "Burgers")


SAMPLES = {one.layout: one for one in (TestAmazon2023, TestGoodreads, TestLastfm, TestSteam, TestYelp)}


@pytest.mark.parametrize("layout", PUBLISHED_LAYOUTS)
def test_a_bare_folder_is_known_by_its_files(layout: str, tmp_path: Path) -> None:
    for name in SAMPLES[layout].files:
        (tmp_path / name).write_bytes(b"")
    assert spec_of(tmp_path) == f"{layout}:{tmp_path}"


@pytest.mark.parametrize("layout", PUBLISHED_LAYOUTS)
def test_a_folder_without_the_files_says_which_they_are(layout: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"expected .* found none; the layout is "):
        load(f"{layout}:{tmp_path}")


def test_one_file_plain_and_packed_is_refused(tmp_path: Path) -> None:
    for name in ("yelp_review.json", "yelp_review.json.gz"):
        (tmp_path / name).write_bytes(b"{}\n")
    with pytest.raises(Misconfigured, match=r"yelp_review\.json plain or packed, found both; keep one"):
        load(f"yelp:{tmp_path}")
