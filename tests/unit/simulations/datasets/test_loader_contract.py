"""The contract of every data set: one inherited suite, each loader on a tiny made-up directory of its own layout."""

import gzip
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from shared.errors import Corrupt, Misconfigured
from simulations.datasets import Dataset, SkippedRows, load


class DatasetContract:
    """What holds for every data set, read or made."""

    @pytest.fixture
    def dataset(self) -> Dataset:
        raise NotImplementedError

    def test_rows_read_are_rows_kept_and_rows_reported(self, dataset: Dataset) -> None:
        report = dataset.report
        assert report.rows_read == report.rows_kept + sum(loss.count for loss in report.losses)

    def test_everybodys_events_are_sorted_by_time(self, dataset: Dataset) -> None:
        for person in dataset.people:
            times = [event.time_seconds for event in person.events]
            assert times == sorted(times)

    def test_every_item_spoken_of_is_in_the_catalogue(self, dataset: Dataset) -> None:
        ids = {item.id for item in dataset.catalogue}
        for event in (event for person in dataset.people for event in person.events):
            assert {event.item, *event.shown} <= ids | {None}

    def test_people_have_names_of_their_own(self, dataset: Dataset) -> None:
        assert len({person.id for person in dataset.people}) == len(dataset.people) > 0

    def test_reprs_show_counts_and_no_person(self, dataset: Dataset) -> None:
        assert repr(dataset.people[0]) == f"Person({len(dataset.people[0].events)} events)"
        assert dataset.people[0].id not in repr(dataset).replace(dataset.name, "").replace(str(len(dataset.people)), "")


class LoaderContract(DatasetContract):
    """What holds for every loader of files. A subclass says what a valid directory of its layout looks like."""

    layout: ClassVar[str]
    files: ClassVar[Mapping[str, bytes]]  # a valid directory without a single loss
    events_file: ClassVar[str]
    items_file: ClassVar[str]
    expected: ClassVar[Mapping[str, Sequence[str | None]]]  # the items of each person in order, ties in file order
    accented: ClassVar[str] = "Café"  # stands in the title of a catalogue item
    duplicate: ClassVar[bytes]  # a row of the events file that stands there already
    duplicate_count: ClassVar[int] = 1
    missing: ClassVar[bytes]  # a row of the events file without a value that is needed

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name, content in self.files.items():
            (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return tmp_path

    @pytest.fixture
    def dataset(self, folder: Path) -> Dataset:
        return self.load(folder)

    def load(self, folder: Path) -> Dataset:
        return load(f"{self.layout}:{folder}")

    def change(self, folder: Path, name: str, content: bytes) -> None:
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def with_row(self, folder: Path, row: bytes) -> tuple[SkippedRows, ...]:
        """The losses after adding one row to the events; the balance must hold."""
        self.change(folder, self.events_file, self.files[self.events_file] + row)
        dataset = self.load(folder)
        self.test_rows_read_are_rows_kept_and_rows_reported(dataset)
        return dataset.report.losses

    def place_of_added_row(self) -> str:
        rows = self.files[self.events_file].count(b"\n")
        return f"{self.events_file}:{rows + 1}"

    def test_a_valid_directory_loses_nothing(self, dataset: Dataset) -> None:
        assert dataset.report.losses == ()

    def test_ties_in_time_keep_the_order_of_the_file(self, dataset: Dataset) -> None:
        assert {person.id: [event.item for event in person.events] for person in dataset.people} == self.expected

    def test_accents_are_read_right(self, dataset: Dataset) -> None:
        assert any(self.accented in item.title for item in dataset.catalogue)

    def test_loading_twice_gives_the_same(self, folder: Path, dataset: Dataset) -> None:
        again = self.load(folder)
        assert (again.people, again.impressions, again.report) == (dataset.people, dataset.impressions, dataset.report)
        assert again.catalogue.digest() == dataset.catalogue.digest()

    def test_a_duplicate_row_is_reported_with_its_line(self, folder: Path) -> None:
        (loss,) = self.with_row(folder, self.duplicate)
        assert "twice" in loss.reason
        assert (loss.count, loss.examples) == (self.duplicate_count, (self.place_of_added_row(),))

    def test_a_row_with_a_missing_value_is_reported_with_its_line(self, folder: Path) -> None:
        (loss,) = self.with_row(folder, self.missing)
        assert (loss.count, loss.examples) == (1, (self.place_of_added_row(),))

    def test_a_blank_line_is_reported_with_its_line(self, folder: Path) -> None:
        assert self.with_row(folder, b"\n") == (SkippedRows("blank line", 1, (self.place_of_added_row(),)),)

    def test_a_missing_directory_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(Misconfigured, match="expected an existing directory"):
            self.load(tmp_path / "nowhere")

    def test_a_directory_without_the_files_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(Misconfigured, match="expected"):
            self.load(tmp_path)

    def test_an_empty_file_is_an_error(self, folder: Path) -> None:
        for name in {self.events_file, self.items_file}:
            self.change(folder, name, b"")
            with pytest.raises(Corrupt, match="got an empty file"):
                self.load(folder)
            self.change(folder, name, self.files[name])

    def test_a_binary_file_is_an_error(self, folder: Path) -> None:
        for name in {self.events_file, self.items_file}:
            self.change(folder, name, bytes(range(256)) * 8)
            with pytest.raises(Corrupt, match="got a binary file"):
                self.load(folder)
            self.change(folder, name, self.files[name])

    def test_a_truncated_line_is_an_error_with_its_line(self, folder: Path) -> None:
        content = self.files[self.events_file]
        last_line = content.count(b"\n")
        cut = content.rstrip(b"\n")
        self.change(folder, self.events_file, cut[: cut.rindex(b"\n") + 3])
        with pytest.raises(Corrupt, match=rf"{self.events_file}:{last_line}: expected"):
            self.load(folder)


class CatalogueFileContract(LoaderContract):
    """What holds besides where the catalogue has a file of its own."""

    unknown: ClassVar[bytes]  # a row of the events file whose one event is of an item unknown to the catalogue
    other_items: ClassVar[bytes]  # a valid items file in which none of the events' items stands
    extra_item: ClassVar[bytes]  # a row of the items file whose id stands there already

    def test_an_event_of_an_unknown_item_is_reported_with_its_line(self, folder: Path) -> None:
        losses = self.with_row(folder, self.unknown)
        assert losses[0] == SkippedRows("item not in the catalogue", 1, (self.place_of_added_row(),))

    def test_events_of_unknown_items_only_are_an_error(self, folder: Path) -> None:
        self.change(folder, self.items_file, self.other_items)
        with pytest.raises(Corrupt, match="expected events of items of the catalogue"):
            self.load(folder)

    def test_a_catalogue_with_an_id_twice_is_an_error(self, folder: Path) -> None:
        self.change(folder, self.items_file, self.files[self.items_file] + self.extra_item)
        with pytest.raises(Corrupt, match=rf"{self.items_file}:\d+: .*id.* (ids must be|ids are) unique"):
            self.load(folder)

    def test_a_missing_catalogue_is_an_error(self, folder: Path) -> None:
        (folder / self.items_file).unlink()
        with pytest.raises(Misconfigured, match="expected"):
            self.load(folder)


class GzippedContract(LoaderContract):
    """What holds besides where the events file is gzipped."""

    def test_a_broken_gzip_file_is_an_error(self, folder: Path) -> None:
        whole = gzip.compress(self.files[self.events_file])
        (folder / self.events_file).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(Corrupt, match="expected a whole gzip file"):
            self.load(folder)


class TestDemo(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return load("demo")


class TestChineseDemo(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return load("demo-zh")


class TestPictures(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return load("pictures")


def _film_100k(number: int, title: str, *genres: int) -> str:
    flags = "|".join("1" if place in genres else "0" for place in range(19))
    return f"{number}|{title}|01-Jan-1995||http://example.org|{flags}\n"


class TestMovieLens100K(CatalogueFileContract):
    layout = "movielens"
    files: ClassVar = {
        "u.data": b"1\t10\t5\t300\n1\t11\t3\t100\n2\t10\t4\t50\n1\t12\t1\t300\n",
        "u.item": (
            _film_100k(10, "Matrix, The (1999)", 1, 15)
            + _film_100k(11, "Café (1990)", 8)
            + _film_100k(12, "Brazil (1985)", 15)
        ).encode("latin-1"),
        "item_plots.tsv": b"item_id\tml1m_MovieID\ttitle\tplot\n12\t99\tBrazil (1985)\tA clerk dreams of flying.\n",
    }
    events_file, items_file = "u.data", "u.item"
    expected: ClassVar = {"1": ["11", "10", "12"], "2": ["10"]}
    duplicate, missing, unknown = b"2\t10\t4\t50\n", b"2\t\t4\t50\n", b"2\t77\t4\t50\n"
    other_items = _film_100k(77, "Other (1999)", 1).encode()
    extra_item = _film_100k(10, "Matrix again (1999)", 1).encode()

    def test_events_of_unknown_items_only_are_an_error(self, folder: Path) -> None:
        (folder / "item_plots.tsv").unlink()
        super().test_events_of_unknown_items_only_are_an_error(folder)


class TestMovieLens1M(CatalogueFileContract):
    layout = "movielens"
    files: ClassVar = {
        "ratings.dat": b"1::10::5::300\n1::11::3::100\n2::10::4::50\n1::12::1::300\n",
        "movies.dat": "10::Matrix, The (1999)::Action|Sci-Fi\n11::Café (1990)::Drama\n12::Brazil::Sci-Fi\n".encode(
            "latin-1"
        ),
    }
    events_file, items_file = "ratings.dat", "movies.dat"
    expected: ClassVar = {"1": ["11", "10", "12"], "2": ["10"]}
    duplicate, missing, unknown = b"2::10::4::50\n", b"2::::4::50\n", b"2::77::4::50\n"
    other_items, extra_item = b"77::Other::Drama\n", b"10::Again::Drama\n"


class TestMovieLens1MOrdered(CatalogueFileContract, GzippedContract):
    layout = "movielens"
    files: ClassVar = {
        "ratings_time_ordered.tsv.gz": b"UserID\tPosition\tMovieID\tRating\tFilePos\n"
        b"1\t1\t10\t5\t0\n1\t0\t11\t3\t1\n2\t0\t10\t4\t0\n1\t2\t12\t1\t2\n",
        "movies.dat": TestMovieLens1M.files["movies.dat"],
    }
    events_file, items_file = "ratings_time_ordered.tsv.gz", "movies.dat"
    expected: ClassVar = {"1": ["11", "10", "12"], "2": ["10"]}
    duplicate, missing, unknown = b"2\t0\t10\t4\t0\n", b"2\t\t10\t4\t0\n", b"2\t1\t77\t4\t0\n"
    other_items, extra_item = b"77::Other::Drama\n", b"10::Again::Drama\n"


class TestMovieLensLatest(CatalogueFileContract):
    layout = "movielens"
    files: ClassVar = {
        "ratings.csv": b"userId,movieId,rating,timestamp\n1,10,4.5,300\n1,11,3,100\n2,10,4,50\n1,12,1,300\n",
        "movies.csv": 'movieId,title,genres\n10,"Matrix, The (1999)",Action|Sci-Fi\n11,Café (1990),Drama\n'
        "12,Brazil (1985),(no genres listed)\n".encode(),
    }
    events_file, items_file = "ratings.csv", "movies.csv"
    expected: ClassVar = {"1": ["11", "10", "12"], "2": ["10"]}
    duplicate, missing, unknown = b"2,10,4,50\n", b"2,,4,50\n", b"2,77,4,50\n"
    other_items, extra_item = b"movieId,title,genres\n77,Other,Drama\n", b"10,Again,Drama\n"


class TestMind(CatalogueFileContract):
    layout = "mind"
    files: ClassVar = {
        "behaviors.tsv": b"1\tU1\t11/12/2019 2:14:46 PM\tN1 N2\tN3-1 N4-0\n"
        b"2\tU1\t11/11/2019 9:00:00 AM\t\tN4-1 N1-1 N2-0\n"
        b"3\tU2\t11/13/2019 8:00:00 AM\tN2\tN1-0 N3-1\n",
        "news_titles.tsv": "news_id\tcategory\ttitle\nN1\tnews\tCafé opens\nN2\tsports\tMatch lost\nN3\tfood\tSoup\n"
        "N4\tfood\tBread\n".encode(),
    }
    events_file, items_file = "behaviors.tsv", "news_titles.tsv"
    expected: ClassVar = {"U1": ["N4", "N1", "N3"], "U2": ["N2"]}
    duplicate, duplicate_count = b"9\tU2\t11/13/2019 8:00:00 AM\tN2\tN1-0 N3-1\n", 3
    missing = b"9\tU2\t11/12/2019 8:00:00 AM\t\t\n"
    unknown = b"9\tU2\t11/12/2019 8:00:00 AM\t\tN77-1\n"
    other_items = b"news_id\tcategory\ttitle\nN77\tnews\tOther\n"
    extra_item = b"N1\tnews\tAgain\n"

    def test_a_valid_directory_loses_nothing(self, dataset: Dataset) -> None:
        """The second row of U1 by time repeats the person's history, which is reported, so this one is not without."""
        assert dataset.report.losses == (
            SkippedRows("history given again by a later row of the person", 2, ("behaviors.tsv:1",)),
        )

    def with_row(self, folder: Path, row: bytes) -> tuple[SkippedRows, ...]:
        losses = super().with_row(folder, row)
        return tuple(loss for loss in losses if "history given again" not in loss.reason)


def _review(person: str, item: str, time: int | None, words: str, summary: str = "A Café thing") -> bytes:
    record = {"reviewerID": person, "asin": item, "reviewerName": "Zebulon Quince", "reviewText": words,
              "overall": 5.0, "summary": summary, "unixReviewTime": time}  # fmt: skip
    return json.dumps(record).encode() + b"\n"


class TestAmazonReviews(GzippedContract):
    layout = "amazon"
    files: ClassVar = {
        "Cups_5.json.gz": _review("A", "i2", 300, "Holds my morning coffee.")
        + _review("A", "i1", 100, "Keeps soup warm.")
        + _review("B", "i1", 50, "Too small for soup.", summary="Zebulon Quince")
        + _review("A", "i3", 300, "A gift for my sister."),
    }
    events_file = items_file = "Cups_5.json.gz"
    expected: ClassVar = {"A": ["i1", "i2", "i3"], "B": ["i1"]}
    accented = "Cups"  # titles are made here; accents are seen in the texts below
    duplicate = _review("A", "i1", 900, "Keeps soup warm.")
    missing = _review("B", "i1", None, "When was it?")

    def test_accents_are_read_right(self, dataset: Dataset) -> None:
        assert dataset.people[0].events[0].text == "A Café thing. Keeps soup warm."

    def test_no_reviewers_name_is_kept_anywhere(self, dataset: Dataset) -> None:
        everything = pickle.dumps((tuple(dataset.people), list(dataset.catalogue), dataset.report))
        assert b"Zebulon" not in everything

    def test_nobodys_last_two_reviews_speak_for_an_item(self, dataset: Dataset) -> None:
        """Only A's first review (i1) is older than a person's last two."""
        texts = {item.id: item.text for item in dataset.catalogue}
        assert "Keeps soup warm" in texts["i1"]
        assert "Too small" not in texts["i1"]
        assert texts["i2"] == "Cups product i2."
        assert texts["i3"] == "Cups product i3."


class TestAmazonSequences(CatalogueFileContract):
    layout = "amazon"
    files: ClassVar = {
        "Games.test.inter": b"user_id:token\titem_id_list:token_seq\titem_id:token\n0\t5 3\t4\n1\t4\t5\n",
        "Games.item": "item_id:token\ttitle:token_seq\n3\tCafé Tycoon\n4\tChess\n5\tGo\n".encode(),
    }
    events_file, items_file = "Games.test.inter", "Games.item"
    expected: ClassVar = {"0": ["5", "3", "4"], "1": ["4", "5"]}
    duplicate, duplicate_count = b"0\t5 3\t4\n", 3
    missing, unknown = b"2\t\t\n", b"2\t77\t5\n"
    other_items, extra_item = b"item_id:token\ttitle:token_seq\n77\tOther\n", b"3\tAgain\n"


_ITEMS = '{"id": "a", "title": "Café"}\n{"id": "b", "title": "B", "text": "Bread"}\n{"id": "c", "title": "C"}\n'


class TestEventsJsonl(CatalogueFileContract):
    layout = "events"
    files: ClassVar = {
        "items.jsonl": _ITEMS.encode(),
        "events.jsonl": b'{"person": "x", "time_seconds": 5, "kind": "click", "item": "b", "shown": ["a", "c"]}\n'
        b'{"person": "x", "time_seconds": 2, "kind": "search", "text": "bread"}\n'
        b'{"person": "x", "time_seconds": 5, "kind": "rating", "item": "a", "value": 4, "context": {"hour": "08"}}\n',
    }
    events_file, items_file = "events.jsonl", "items.jsonl"
    expected: ClassVar = {"x": [None, "b", "a"]}
    duplicate = b'{"person": "x", "time_seconds": 2, "kind": "search", "text": "bread"}\n'
    missing = b'{"person": "x", "time_seconds": 2, "kind": "click", "item": ""}\n'
    unknown = b'{"person": "x", "time_seconds": 9, "kind": "click", "item": "z"}\n'
    other_items, extra_item = b'{"id": "z", "title": "Z"}\n', b'{"id": "a", "title": "Again"}\n'

    def test_events_of_unknown_items_only_are_an_error(self, folder: Path) -> None:
        self.change(folder, "events.jsonl", self.unknown)
        with pytest.raises(Corrupt, match="expected events of items of the catalogue"):
            self.load(folder)

    def test_an_unknown_name_is_an_error(self, folder: Path) -> None:
        with pytest.raises(Corrupt, match=r"events\.jsonl:4: hue: expected only"):
            self.with_row(folder, b'{"person": "x", "time_seconds": 9, "kind": "click", "item": "a", "hue": "red"}\n')

    def test_an_unknown_kind_is_an_error(self, folder: Path) -> None:
        with pytest.raises(Corrupt, match=r"events\.jsonl:4: kind: expected one of view, click"):
            self.with_row(folder, b'{"person": "x", "time_seconds": 9, "kind": "wink", "item": "a"}\n')

    def test_an_unknown_item_shown_is_reported(self, folder: Path) -> None:
        row = b'{"person": "x", "time_seconds": 9, "kind": "click", "item": "a", "shown": ["b", "z"]}\n'
        assert self.with_row(folder, row) == (SkippedRows("item not in the catalogue", 1, ("events.jsonl:4",)),)


class TestEventsCsv(CatalogueFileContract):
    layout = "events"
    files: ClassVar = {
        "items.jsonl": _ITEMS.encode(),
        "events.csv": b'person,time_seconds,kind,item,text,shown\nx,5,click,b,,a c\nx,2,search,,"rye, bread",\n'
        b"x,5,click,a,,\n",
    }
    events_file, items_file = "events.csv", "items.jsonl"
    expected: ClassVar = {"x": [None, "b", "a"]}
    duplicate, missing, unknown = b"x,5,click,a,,\n", b"x,9,click,,,\n", b"x,9,click,z,,\n"
    other_items, extra_item = b'{"id": "z", "title": "Z"}\n', b'{"id": "a", "title": "Again"}\n'

    def test_events_of_unknown_items_only_are_an_error(self, folder: Path) -> None:
        self.change(folder, "events.csv", b"person,time_seconds,kind,item\nx,9,click,z\n")
        with pytest.raises(Corrupt, match="expected events of items of the catalogue"):
            self.load(folder)
