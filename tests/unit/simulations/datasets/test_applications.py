"""The made worlds of applications: the contract of every data set, and what sets each apart."""

from functools import cache

import numpy as np
import pytest

from simulations.datasets import Dataset, load
from simulations.evaluation import split
from tests.unit.simulations.datasets.test_loader_contract import DatasetContract


@cache
def made(spec: str) -> Dataset:
    return load(spec)


class TestMusic(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return made("music?people=60")

    def test_four_plays_in_ten_are_of_a_track_met_before(self, dataset: Dataset) -> None:
        assert split(dataset, 0).repeats == pytest.approx(0.4, abs=0.04)

    def test_the_same_seed_makes_the_same_world_and_another_one_another(self, dataset: Dataset) -> None:
        assert load("music?people=60").digests() == dataset.digests() != load("music?people=60", 1).digests()

    def test_tracks_of_one_style_share_its_words_and_titles_name_their_artist(self, dataset: Dataset) -> None:
        assert len({item.categories for item in dataset.catalogue}) == 32
        for item in dataset.catalogue:
            assert item.categories[1] in item.text
            assert ", " in item.title


class TestAdverts(DatasetContract):
    @pytest.fixture
    def dataset(self) -> Dataset:
        return made("adverts?people=60")

    def test_each_list_of_the_test_has_six_offers_some_clicked_and_some_not(self, dataset: Dataset) -> None:
        assert len(dataset.impressions) > 50
        for shown in dataset.impressions:
            assert len(set(shown.candidates)) == len(shown.clicked) == 6
            assert 0 < sum(shown.clicked) < 6

    def test_no_event_lies_in_the_time_of_the_test(self, dataset: Dataset) -> None:
        begins = min(shown.time_seconds for shown in dataset.impressions)
        assert dataset.people.latest_seconds < begins

    def test_what_was_offered_beside_a_click_was_not_clicked_in_the_same_list(self, dataset: Dataset) -> None:
        events = [event for person in dataset.people for event in person.events]
        assert np.mean([len(event.shown) for event in events]) > 3
        assert all(event.item not in event.shown for event in events)
