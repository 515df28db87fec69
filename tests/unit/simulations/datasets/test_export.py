"""An exported data set is the one it was: read back by our own loader, and person by person."""

import json
from pathlib import Path

import pytest

from shared.errors import Corrupt, Misconfigured
from shared.federation import read_federation
from simulations.datasets import Dataset, export_dataset, load
from simulations.notes import unread_features


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return load("demo", 3)


def test_what_is_exported_is_read_back_as_it_was(demo: Dataset, tmp_path: Path) -> None:
    counts = export_dataset(demo, tmp_path / "out")
    again = load(f"events:{tmp_path / 'out'}")
    assert list(again.catalogue) == list(demo.catalogue)
    logs = sorted((person.events for person in demo.people), key=len)
    assert sorted(map(repr, logs)) == sorted(repr(person.events) for person in again.people)
    assert {event for log in logs for event in log} == {event for person in again.people for event in person.events}
    assert counts == {"items": len(demo.catalogue), "people": len(logs), "events": sum(map(len, logs))}


def test_each_person_has_a_file_without_a_name_the_busiest_first(demo: Dataset, tmp_path: Path) -> None:
    export_dataset(demo, tmp_path / "out", people=2)
    files = sorted((tmp_path / "out" / "people").iterdir())
    assert [file.name for file in files] == ["1.jsonl", "2.jsonl"]
    lengths = sorted((len(person.events) for person in demo.people), reverse=True)
    lines = [file.read_text().splitlines() for file in files]
    assert [len(part) for part in lines] == lengths[:2]
    assert all("person" not in json.loads(line) for part in lines for line in part)


def test_a_folder_that_holds_something_is_left_alone(demo: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Misconfigured, match="found files in it"):
        export_dataset(demo, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_columns_are_opened_as_they_were_written(demo: Dataset, tmp_path: Path) -> None:
    counts = export_dataset(demo, tmp_path / "out", form="columns")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["items.jsonl", "people.parquet"]
    again = load(tmp_path / "out")
    assert [person.events for person in again.people] == [person.events for person in demo.people]
    assert (again.report.rows_kept, again.report.losses) == (counts["items"] + counts["events"], ())


def test_columns_beside_other_events_or_items_are_refused(demo: Dataset, tmp_path: Path) -> None:
    export_dataset(demo, tmp_path / "out", people=5, form="columns")
    items = tmp_path / "out" / "items.jsonl"
    lines = items.read_text().splitlines()
    items.write_text(lines[0])
    with pytest.raises(Corrupt, match=r"people.parquet: expected events of items of the catalogue, got \d+ of other"):
        load(f"events:{tmp_path / 'out'}")
    (tmp_path / "out" / "events.csv").write_text("person")
    with pytest.raises(Misconfigured, match="found 2 of them; keep one"):
        load(f"events:{tmp_path / 'out'}")


def test_features_of_items_are_written_and_read_back(tmp_path: Path) -> None:
    pictures = load("pictures?people=20", 0)
    export_dataset(pictures, tmp_path / "out")
    again = load(f"events:{tmp_path / 'out'}")
    assert again.catalogue.features["image"].width == 28
    assert again.catalogue.digest() == pictures.catalogue.digest()
    (said,) = map(str, unread_features(again.catalogue, read_federation()))
    assert "--set 'model.features={image=28}' reads them" in said
    assert unread_features(again.catalogue, read_federation(settings=["model.features={image=28}"])) == []
