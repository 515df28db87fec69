"""Specifications of data sets, and the balance of a load."""

from pathlib import Path

import pytest

from shared.errors import Misconfigured
from simulations.datasets import kind_of, load
from simulations.datasets.tally import LoadCounter


@pytest.mark.parametrize("spec", ["", "demos", "demo:", "netflix:/tmp", "movielens", "movielens:"])
def test_an_unknown_specification_names_the_known_ones(spec: str) -> None:
    with pytest.raises(Misconfigured, match="demo, demo-zh, music, adverts, pictures, movielens:DIR, mind:DIR"):
        load(spec)


@pytest.mark.parametrize("query", ["language=fr", "language=zh&depth=2", "depth=2", "language", ""])
def test_an_unknown_option_is_refused(tmp_path: Path, query: str) -> None:
    with pytest.raises(Misconfigured, match="the only option is"):
        load(f"mind:{tmp_path}?{query}" if query else f"movielens:{tmp_path}?language=zh")


@pytest.mark.parametrize(
    "query", ["people=19", "people=1000001", "people=many", "people", "persons=30", "people=30&x=1"]
)
def test_a_made_world_has_a_number_of_people_and_nothing_else(query: str) -> None:
    with pytest.raises(Misconfigured, match=r"expected demo\?people=N with from 20 to 1000000 people"):
        load(f"demo?{query}")


def test_a_smaller_world_has_the_first_people_of_a_larger_one() -> None:
    few, more = load("demo?people=20", 1), load("demo?people=30", 1)
    assert len(few.people) == 20
    assert few.people == more.people[:20]
    assert few.catalogue.digest() == more.catalogue.digest() == load("demo", 1).catalogue.digest()
    assert [kind_of(spec) for spec in ("demo?people=20", "demo", "mind:DIR?language=zh")] == ["demo", "demo", "mind"]


def test_two_events_files_are_refused(tmp_path: Path) -> None:
    for name in ("items.jsonl", "events.csv", "events.jsonl"):
        (tmp_path / name).write_text("x")
    with pytest.raises(Misconfigured, match="found 2 of them"):
        load(f"events:{tmp_path}")


def test_a_loss_keeps_a_few_places_and_the_whole_count() -> None:
    tally = LoadCounter(read=20)
    for line in range(1, 21):
        tally.skip("torn", Path("folder/rows.tsv"), line)
    (loss,) = tally.report().losses
    assert (loss.count, loss.examples) == (20, tuple(f"rows.tsv:{line}" for line in range(1, 6)))


def test_an_account_that_does_not_balance_is_never_closed() -> None:
    with pytest.raises(AssertionError, match="3 read, 1 kept, 0 reported"):
        LoadCounter(read=3, kept=1).report()
