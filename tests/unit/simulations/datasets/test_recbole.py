"""RecBole's atomic files: read by the contract of all loaders, written and read back, refused with file and line."""

from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from typer.testing import CliRunner

from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from shared.errors import Corrupt, Misconfigured
from simulations.cli import app
from simulations.datasets import Dataset, export_dataset, load
from tests.unit.simulations.datasets.test_loader_contract import CatalogueFileContract

ITEMS = "item_id:token\tmovie_title:token_seq\tyear:token\tclass:token_seq\n"
RATED = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


class TestRecBole(CatalogueFileContract):
    layout = "recbole"
    files: ClassVar = {
        "films.inter": RATED + b"u\t2\t4\t300\nu\t1\t3\t100\nv\t2\t5\t50\nu\t3\t1\t300\n",
        "films.item": (
            ITEMS + "1\tCaf\u00e9\t1990\tDrama War\n2\tMatrix\t1999\t'Science fiction', 'Action'\n3\tGo\t\t\n"
        ).encode(),
    }  # fmt: skip
    events_file, items_file = "films.inter", "films.item"
    expected: ClassVar = {"u": ["1", "2", "3"], "v": ["2"]}
    duplicate, missing, unknown = b"v\t2\t5\t50\n", b"v\t\t5\t50\n", b"v\t77\t5\t50\n"
    other_items, extra_item = ITEMS.encode() + b"77\tOther\t\t\n", b"1\tAgain\t\t\n"

    def test_columns_of_words_are_the_text_and_classes_the_categories(self, dataset: Dataset) -> None:
        first, second, third = dataset.catalogue
        assert (first.title, first.text, first.categories) == ("Caf\u00e9", "Caf\u00e9. Drama War", ("Drama", "War"))
        assert second.categories == ("Science fiction", "Action")
        assert (third.text, third.categories) == ("Go", ())
        assert [(event.kind, event.value) for event in dataset.people[1].events] == [(EventKind.RATING, 5.0)]

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("films.inter", b"user_id,item_id\nu,1\n", r"films.inter:1: expected columns as name:type"),
            ("films.inter", b"user:token\titem_id:token\nu\t1\n", r"films.inter:1: expected a column user_id:token"),
            ("films.inter", RATED + b"u\t1\t3\n", r"films.inter:2: expected 4 cells separated by tabs, got 3"),
            ("films.inter", RATED + b"u\t1\t3\t1700000000000\n", r"films.inter:2: .* divide by 1,000"),
            ("films.inter", RATED + b"u\t1\tfine\t17\n", r"films.inter:2: expected a number as rating"),
            ("films.item", b"item_id:token\tyear:token\n1\t1990\n", r"films.item:1: .* ranked by their texts"),
        ],
    )
    def test_what_is_no_atomic_file_is_named_with_its_line(
        self, folder: Path, name: str, content: bytes, message: str
    ) -> None:
        (folder / name).write_bytes(content)
        with pytest.raises(Corrupt, match=message):
            self.load(folder)

    def test_splits_that_stand_in_files_of_their_own_are_refused(self, folder: Path) -> None:
        (folder / "films.train.inter").write_bytes(self.files["films.inter"])
        with pytest.raises(Misconfigured, match=r"expected one file NAME.inter .* found 2: films.inter, films.train"):
            self.load(folder)


def test_without_times_the_order_of_the_rows_is_the_order_of_the_events(tmp_path: Path) -> None:
    (tmp_path / "a.inter").write_text("user_id:token\titem_id:token\tlabel:float\nu\t2\t1\nu\t1\t0\n")
    (tmp_path / "a.item").write_text("item_id:token\ttitle:token_seq\n1\tA\n2\tB\n")
    read = load(f"recbole:{tmp_path}")
    assert [(event.item, event.kind) for event in read.people[0].events] == [
        ("2", EventKind.CLICK),
        ("1", EventKind.SKIP),
    ]
    assert not read.dated


@pytest.fixture
def own() -> Dataset:
    items = [Item("a", "Roses", "Growing\troses\nwell", ("garden", "old roses")), Item("b", "Tulips", "Tulips")]
    times = 1_700_000_000.0
    return Dataset.of("garden", items, {
        "ann lee": [Event(times, EventKind.RATING, "a", value=4.5), Event(times + 90, EventKind.CLICK, "b", value=2.0)],
        "bob": [Event(times, EventKind.SKIP, "b", value=0.0), Event(times + 1, EventKind.SEARCH, text="bulbs")],
    })  # fmt: skip


def test_what_is_written_is_read_back_and_what_has_no_place_is_counted(own: Dataset, tmp_path: Path) -> None:
    counts = export_dataset(own, tmp_path / "garden", form="recbole")
    assert counts == {"items": 2, "people": 2, "events": 3, "events_left_out": 1}
    again = load(tmp_path / "garden")  # its files show which layout it is
    kept = {person.id: [event for event in person.events if event.item] for person in own.people}
    assert {person.id: list(person.events) for person in again.people} == kept
    assert list(again.catalogue)[1] == list(own.catalogue)[1]
    assert again.catalogue[0].text == "Growing roses well"  # tabs and line ends part cells and rows
    assert again.catalogue[0].categories == ("garden", "old roses")


def test_the_files_are_what_recboles_own_reader_takes(own: Dataset, tmp_path: Path) -> None:
    """It reads them by pandas with tabs, "utf-8" and no quotes, and looks for NAME/NAME.inter."""
    export_dataset(own, tmp_path / "garden", form="recbole")
    read = {
        kind: pd.read_csv(tmp_path / "garden" / f"garden.{kind}", sep="\t", quoting=3)
        for kind in ("inter", "item", "user")
    }
    assert list(read["inter"]) == [
        "user_id:token", "item_id:token", "timestamp:float", "kind:token", "rating:float", "label:float",
    ]  # fmt: skip
    assert read["inter"]["label:float"].tolist() == [1.0, 1.0, 0.0]
    assert read["user"]["user_id:token"].tolist() == ["ann lee", "bob"]
    assert (len(read["item"]), next(iter(read["item"]))) == (2, "item_id:token")


def test_the_command_writes_them_and_takes_one_form_alone(tmp_path: Path) -> None:
    line = ["export", str(tmp_path / "demo"), "--data", "demo?people=20", "--format", "recbole"]
    assert CliRunner().invoke(app, line).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == ["demo.inter", "demo.item", "demo.user"]
    assert CliRunner().invoke(app, [*line[:1], str(tmp_path / "x"), *line[2:], "--columns"]).exit_code == 2
