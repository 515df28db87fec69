"""A hundred thousand events of one person."""

import json

import pytest

from simulations.datasets import Dataset, load
from simulations.evaluation import split

ITEMS = [{"id": f"i{n}", "title": f"part {n}", "text": f"a book about part {n}"} for n in range(40)]


NOW = 1_700_000_000


def lines(records, start=""):
    return start + "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def read(tmp_path):
    """The data set of a text of events, JSON lines or a table, and one of items."""

    def loaded(content, items=None) -> Dataset:
        name = "events.jsonl" if content.lstrip("\ufeff").startswith("{") else "events.csv"
        (tmp_path / name).write_bytes(content.encode())
        (tmp_path / "items.jsonl").write_bytes((items or lines(ITEMS)).encode())
        return load(f"events:{tmp_path}")

    return loaded


def test_a_hundred_thousand_plays_of_forty_items_by_one_person_load(read):
    plays = [
        {"person": "p", "time_seconds": NOW + 200 * n, "kind": "view", "item": f"i{n % 40}"} for n in range(100_000)
    ]
    dataset = read(lines(plays))
    assert len(dataset.people[0].events) == 100_000
    parts = split(dataset, seed=0)
    assert parts.test.targets.tolist() == [39]
    assert round(parts.repeats, 4) == 0.9996
