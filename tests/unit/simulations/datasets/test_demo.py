"""The demo world: made the same for the same seed, varied, and with a truth that its events show."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from shared.behaviour import Event, EventKind
from simulations.datasets import Dataset, DemoTruth, load
from simulations.datasets.demo_truth import Habit, Mix
from simulations.people import Person


@pytest.fixture(scope="module")
def world() -> Dataset:
    return load("demo", seed=0)


@pytest.fixture(scope="module")
def truth(world: Dataset) -> DemoTruth:
    assert world.truth is not None
    return world.truth


def _meant(person: Person, truth: DemoTruth) -> list[Event]:
    """The readings that were no chance clicks."""
    chance = truth.chance[person.id]
    return [event for place, event in enumerate(person.events) if event.item is not None and place not in chance]


def _own(person: Person, truth: DemoTruth) -> list[Event]:
    """The readings that do not follow on from the one before: these speak of the person."""
    own: list[Event] = []
    last: int | None = None
    for event in _meant(person, truth):
        assert event.item is not None
        subtopic = truth.item_subtopic[event.item]
        if last is not None and subtopic == truth.follows[last]:
            last = None
        else:
            own.append(event)
            last = subtopic
    return own


def _shares(events: list[Event], truth: DemoTruth) -> np.ndarray:
    counts = Counter(truth.item_subtopic[event.item] for event in events if event.item is not None)
    shares = np.array([counts[place] for place in range(len(truth.subtopics))], dtype=float)
    return shares / max(shares.sum(), 1.0)


def _agreement(shares: np.ndarray, mix: Mix) -> float:
    return float(np.corrcoef(shares, np.array(mix))[0, 1])


def test_the_same_seed_makes_the_same_world_and_another_seed_another(world: Dataset) -> None:
    again, other = load("demo", seed=0), load("demo", seed=4)
    assert world.people == again.people
    assert world.catalogue.digest() == again.catalogue.digest()
    assert world.catalogue.digest() != other.catalogue.digest()


def test_the_size_of_the_world(world: Dataset, truth: DemoTruth) -> None:
    """8 topics of 4 subtopics of 13 items; people with 8 to 60 readings, about one in ten with 1 to 4."""
    assert len(world.catalogue) == 416
    assert len(truth.subtopics) == len(set(truth.subtopics)) == 32
    assert len({name.partition("/")[0] for name in truth.subtopics}) == 8
    readings = [sum(event.item is not None for event in person.events) for person in world.people]
    assert len(readings) == 300
    assert all(1 <= count <= 4 or 8 <= count <= 60 for count in readings)
    assert 15 <= sum(count <= 4 for count in readings) <= 45


def test_titles_differ_and_many_do_not_name_their_subject(world: Dataset) -> None:
    assert len({item.title for item in world.catalogue}) == len(world.catalogue)
    assert len({item.text for item in world.catalogue}) == len(world.catalogue)


def test_no_article_is_read_twice_by_one_person(world: Dataset) -> None:
    for person in world.people:
        read = [event.item for event in person.events if event.item is not None]
        assert len(read) == len(set(read))


def test_ids_and_order_of_items_do_not_give_the_subtopic_away(world: Dataset, truth: DemoTruth) -> None:
    """By chance neighbours share one of 32 subtopics 3 % of the time."""
    places = [truth.item_subtopic[item.id] for item in world.catalogue]
    assert np.mean([here == there for here, there in pairwise(places)]) < 0.1


def test_everybody_goes_on_to_a_subtopic_of_another_topic(truth: DemoTruth) -> None:
    assert sorted(truth.follows) == list(range(32))
    for here, there in enumerate(truth.follows):
        assert truth.subtopics[here].partition("/")[0] != truth.subtopics[there].partition("/")[0]


def test_the_hidden_affinity_is_recovered_from_the_events(world: Dataset, truth: DemoTruth) -> None:
    """The most frequent other subtopic read next is the true one, for nearly all of the 32."""
    next_read = np.zeros((32, 32))
    for person in world.people:
        places = [truth.item_subtopic[event.item] for event in person.events if event.item is not None]
        for here, there in pairwise(places):
            next_read[here, there] += here != there
    found = next_read.argmax(axis=1)
    assert np.mean(found == np.array(truth.follows)) >= 0.9


def test_the_interests_of_steady_people_are_recovered_from_their_events(world: Dataset, truth: DemoTruth) -> None:
    agreements = [
        _agreement(_shares(own, truth), truth.interests[person.id].first)
        for person in world.people
        if truth.interests[person.id].habit is Habit.STEADY and len(own := _own(person, truth)) >= 8
    ]
    assert len(agreements) > 60
    assert np.mean(agreements) > 0.85


@pytest.mark.parametrize("habit", [Habit.SWITCH, Habit.HOURS])
def test_the_moment_of_an_event_tells_which_interests_it_came_from(
    world: Dataset, truth: DemoTruth, habit: Habit
) -> None:
    """Events under the first mix agree with it better than with the second, and the other way round."""
    right = []
    for person in world.people:
        interests = truth.interests[person.id]
        own = _own(person, truth)
        if interests.habit is not habit or len(own) < 16:
            continue
        for mix, other in ((interests.first, interests.second), (interests.second, interests.first)):
            shares = _shares([event for event in own if interests.at(event.time_seconds) == mix], truth)
            right.append(_agreement(shares, mix) > _agreement(shares, other))
    assert len(right) > 20
    assert np.mean(right) > 0.9


def test_the_interests_of_drifting_people_move_from_the_first_mix_to_the_second(
    world: Dataset, truth: DemoTruth
) -> None:
    moved = []
    for person in world.people:
        interests = truth.interests[person.id]
        own = _own(person, truth)
        if interests.habit is not Habit.DRIFT or len(own) < 12:
            continue
        third = len(own) // 3
        early, late = _shares(own[:third], truth), _shares(own[-third:], truth)
        moved.append(_agreement(late, interests.second) - _agreement(early, interests.second))
    assert len(moved) > 10
    assert np.mean(moved) > 0.3


def test_a_mix_always_sums_to_one(truth: DemoTruth) -> None:
    for interests in truth.interests.values():
        for time_seconds in (interests.start_seconds, interests.end_seconds, 0.0):
            assert sum(interests.at(time_seconds)) == pytest.approx(1.0)


def test_chance_clicks_are_as_rare_as_the_truth_says_and_rated_lower(world: Dataset, truth: DemoTruth) -> None:
    events = [
        (event, place in truth.chance[person.id])
        for person in world.people
        for place, event in enumerate(person.events)
        if event.item is not None
    ]
    assert np.mean([chance for _, chance in events]) == pytest.approx(truth.chance_share, abs=0.02)
    rated = [(event.value, chance) for event, chance in events if event.value is not None]
    assert np.mean([stars for stars, chance in rated if chance]) < 2.5
    assert np.mean([stars for stars, chance in rated if not chance]) > 3.5


def test_searches_have_words_of_their_own_and_no_item(world: Dataset) -> None:
    searches = [event for person in world.people for event in person.events if event.kind is EventKind.SEARCH]
    assert len(searches) > 200
    assert all(event.item is None and len(event.text.split()) >= 2 for event in searches)


def test_popularity_is_mildly_skewed(world: Dataset) -> None:
    """The most read tenth of the items gets more than its share, yet less than half of all readings."""
    counts = Counter(event.item for person in world.people for event in person.events if event.item is not None)
    top_tenth = sum(count for _, count in counts.most_common(len(world.catalogue) // 10))
    assert 0.15 < top_tenth / counts.total() < 0.5


def test_the_hour_of_each_event_is_in_its_context(world: Dataset) -> None:
    for event in (event for person in world.people for event in person.events):
        hour = datetime.fromtimestamp(event.time_seconds, UTC).hour
        assert event.context == (("hour", f"{hour:02d}"),)


def test_the_chinese_world_has_people_of_the_same_kind_and_texts_of_its_own() -> None:
    world, again = load("demo-zh", seed=0), load("demo-zh", seed=0)
    assert world.name == "demo-zh"
    assert world.people == again.people
    assert world.catalogue.digest() == again.catalogue.digest()
    assert len(world.catalogue) == len({item.title for item in world.catalogue}) == 416
    assert world.truth is not None
    assert len(set(world.truth.subtopics)) == 32
    texts = [*world.catalogue.texts, *(event.text for person in world.people for event in person.events if event.text)]
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    assert all("\u4e00" <= letter <= "\u9fff" for letter in letters)
    assert not any("{" in text or " " in text for text in texts)


def test_in_the_chinese_world_people_search_and_say_why_they_rated() -> None:
    world = load("demo-zh", seed=0)
    events = [event for person in world.people for event in person.events]
    said = [event.text for event in events if event.kind is EventKind.RATING]
    assert said
    assert all(said)
    assert sum(event.kind is EventKind.SEARCH and bool(event.text) for event in events) > 100
    high = {event.text for event in events if event.value == 5.0}
    low = {event.text for event in events if event.value == 1.0}
    assert high
    assert low
    assert not high & low
    assert all(text.startswith(("看不下去", "太浅了")) for text in low)
