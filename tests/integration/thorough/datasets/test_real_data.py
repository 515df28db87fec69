"""The published counts of real data sets, where they are at hand: set HUSHREC_DATA to the folder that holds them."""

import os
from pathlib import Path

import pytest

from simulations.datasets import Dataset, load

_DATA = Path(os.environ.get("HUSHREC_DATA", Path(__file__).parents[4].parent / "shared" / "data"))


def _load(layout: str, name: str, query: str = "") -> Dataset:
    if not (_DATA / name).is_dir():
        pytest.skip(f"{name} is not in {_DATA}; set HUSHREC_DATA to the folder of the real data sets")
    return load(f"{layout}:{_DATA / name}{query}")


def _counts(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.people), len(dataset.catalogue), sum(len(person.events) for person in dataset.people)


def _losses(dataset: Dataset) -> dict[str, int]:
    return {loss.reason: loss.count for loss in dataset.report.losses}


def test_movielens_100k_is_whole() -> None:
    dataset = _load("movielens", "ml-100k")
    assert _counts(dataset) == (943, 1682, 100_000)
    assert _losses(dataset) == {}
    assert "Les Misérables (1995)" in {item.title for item in dataset.catalogue}


def test_movielens_1m_ends_in_the_published_test_items() -> None:
    dataset = _load("movielens", "ml-1m")
    assert _counts(dataset) == (6040, 3883, 1_000_209)
    assert _losses(dataset) == {"film text without words": 1, "negative is the person's own test item": 156}
    assert len(dataset.negatives) == 6040
    assert sum(map(len, dataset.negatives.values())) == 6040 * 99 - 156
    first = next(person for person in dataset.people if person.id == "1")
    assert first.events[-1].item == "48"  # "0 25 5 978824351", and NCF item 25 is film 48


def test_mind_keeps_the_last_day_for_the_test() -> None:
    dataset = _load("mind", "mind-small-subset")
    assert len(dataset.catalogue) == 51_282
    assert (len(dataset.people), len(dataset.impressions)) == (4637, 968)
    assert _load("mind", "mind-small-subset", "?language=zh").catalogue[0].title.startswith("伊麗莎白")


def test_amazon_games_is_whole() -> None:
    dataset = _load("amazon", "amazon-games-2018")
    assert _counts(dataset) == (50_546, 16_859, 440_264)
    assert _losses(dataset) == {}


def test_amazon_reviews_are_whole_but_for_repeated_ones() -> None:
    dataset = _load("amazon", "amazon-musical-instruments-2014")
    assert _counts(dataset) == (1429, 900, 10_261)
    assert _losses(_load("amazon", "amazon-all-beauty-2018")) == {"review stands twice": 1050}
