"""Makes the demo world: people with hidden, changing interests who read made-up articles. Nobody in it is real.

Text alone cannot see all of it: after reading in one subtopic everybody tends to go on to a certain subtopic of
another topic. A model that learns from behaviour finds that; similarity of texts does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue, Item
from simulations.datasets.dataset import Dataset, LoadReport
from simulations.datasets.demo_texts import (
    ENGLISH,
    Grammar,
    Subtopic,
    read_subtopics,
    write_items,
    write_review,
    write_search,
)
from simulations.datasets.demo_texts_zh import CHINESE
from simulations.datasets.demo_truth import EVENING_STARTS_HOUR, DemoTruth, Habit, HiddenInterests, Mix
from simulations.people import People, Person

PEOPLE = 300
_COLD_PEOPLE_SHARE = 0.1
_ITEMS_PER_SUBTOPIC = 13
_EVENTS = (8, 60)
_COLD_EVENTS = (1, 4)
_DAYS = 90
_START = datetime(2024, 1, 1, tzinfo=UTC)
_FAVOURITES = 2
_FAVOURITE_SHARE = 0.95
_FOLLOW_SHARE = 0.6
_CHANCE_SHARE = 0.1
_POPULARITY_EXPONENT = 0.6
_CYCLE = 4
_SEARCHING_SHARE = 0.4
_SEARCH_SHARE = 0.15
_RATING_SHARE = 0.15
_SECONDS_APART = 120
WriteItems = Callable[[tuple[Subtopic, ...], int, np.random.Generator], list[tuple[int, Item]]]
_HABIT_SHARES = {Habit.STEADY: 0.4, Habit.DRIFT: 0.2, Habit.SWITCH: 0.2, Habit.HOURS: 0.2}


def make_demo(seed: int, people: int = PEOPLE) -> Dataset:
    """The world of `seed` with so many people: the same for the same two on every machine."""
    return make_world("demo", seed, write_items, people)


def make_chinese_demo(seed: int, people: int = PEOPLE) -> Dataset:
    """The same with Chinese articles, searches and reviews on subjects of its own."""
    return make_world("demo-zh", seed, partial(write_items, grammar=CHINESE), people, CHINESE)


def make_world(name: str, seed: int, write: WriteItems, people: int = PEOPLE, grammar: Grammar = ENGLISH) -> Dataset:
    """The people of the demo of `seed` among items of another kind.

    Args:
        name: of the data set.
        seed: of people and items: the same for the same seed on every machine.
        write: so many items of each subtopic by chance, as (subtopic, item) in mixed order.
        people: how many; the first of more are the same ones.
        grammar: of the language in which people search and review.
    """
    rng = np.random.default_rng([seed, len("demo world")])
    subtopics = read_subtopics(grammar)
    items = write(subtopics, _ITEMS_PER_SUBTOPIC, rng)
    world = _World(subtopics, items, _follows(subtopics, rng), _popularity(len(items), rng), grammar)
    interests: dict[str, HiddenInterests] = {}
    chance: dict[str, frozenset[int]] = {}

    def living() -> Iterator[Person]:
        for number in range(people):
            person = f"p{number:03d}"
            cold = rng.random() < _COLD_PEOPLE_SHARE
            times = _times(*(_COLD_EVENTS if cold else _EVENTS), rng)
            interests[person] = _interests(len(subtopics), times, rng)
            events, chance[person] = world.live(interests[person], times, rng)
            yield Person(person, events)

    lived = People.of(living())
    truth = DemoTruth(
        subtopics=tuple(f"{subtopic.topic}/{subtopic.name}" for subtopic in subtopics),
        item_subtopic={item.id: place for place, item in items},
        follows=tuple(int(place) for place in world.follows),
        follow_share=_FOLLOW_SHARE,
        chance_share=_CHANCE_SHARE,
        interests=interests,
        chance=chance,
    )
    rows = len(items) + lived.events
    return Dataset(
        name=name,
        catalogue=Catalogue(item for _, item in items),
        people=lived,
        report=LoadReport(rows, rows, ()),
        truth=truth,
    )


@dataclass(frozen=True)
class _World:
    """What all people share."""

    subtopics: tuple[Subtopic, ...]
    items: list[tuple[int, Item]]
    follows: np.ndarray
    popularity: np.ndarray
    grammar: Grammar

    def live(
        self, interests: HiddenInterests, times: list[float], rng: np.random.Generator
    ) -> tuple[tuple[Event, ...], frozenset[int]]:
        """One person's events, and which of them were chance clicks."""
        places = np.array([place for place, _ in self.items])
        unread = np.ones(len(self.items), dtype=bool)
        searches = rng.random() < _SEARCHING_SHARE
        events: list[Event] = []
        chance = set()
        last: int | None = None
        for time in times:
            meaningless = rng.random() < _CHANCE_SHARE
            going_on = last is not None and rng.random() < _FOLLOW_SHARE
            subtopic = int(self.follows[last] if going_on else rng.choice(len(self.follows), p=interests.at(time)))
            weights = self.popularity * (unread if meaningless else unread & (places == subtopic))
            if not weights.any():  # everything there is read: on to their other interests
                going_on = False
                weights = self.popularity * unread * np.array(interests.at(time))[places]
            row = int(rng.choice(len(self.items), p=weights / weights.sum()))
            subtopic = int(places[row])
            unread[row] = False
            if searches and not meaningless and rng.random() < _SEARCH_SHARE:
                words = write_search(self.subtopics[subtopic], rng, self.grammar)
                asked = time - _SECONDS_APART / 2
                events.append(Event(asked, EventKind.SEARCH, text=words, context=_context(asked)))
            if meaningless:
                chance.add(len(events))
            else:
                last = None if going_on else subtopic
            events.append(self._reading(time, row, meaningless, rng))
        return tuple(events), frozenset(chance)

    def _reading(self, time: float, row: int, meaningless: bool, rng: np.random.Generator) -> Event:
        place, item = self.items[row]
        if rng.random() >= _RATING_SHARE:
            return Event(time, EventKind.CLICK, item.id, context=_context(time))
        stars = float(rng.integers(1, 4) if meaningless else rng.integers(3, 6))
        said = write_review(self.subtopics[place], stars, rng, self.grammar)
        return Event(time, EventKind.RATING, item.id, text=said, value=stars, context=_context(time))


def _context(time: float) -> tuple[tuple[str, str], ...]:
    return (("hour", f"{datetime.fromtimestamp(time, UTC).hour:02d}"),)


def _interests(subtopics: int, times: list[float], rng: np.random.Generator) -> HiddenInterests:
    habit = list(_HABIT_SHARES)[int(rng.choice(len(_HABIT_SHARES), p=list(_HABIT_SHARES.values())))]
    switch = None
    if habit is Habit.SWITCH:
        switch = times[0] + float(rng.uniform(0.35, 0.65)) * (times[-1] - times[0])
    first = _mix(subtopics, rng)
    second = first if habit is Habit.STEADY else _mix(subtopics, rng)
    return HiddenInterests(habit, first, second, times[0], times[-1] + 1, switch)


def _mix(subtopics: int, rng: np.random.Generator) -> Mix:
    mix = np.full(subtopics, (1 - _FAVOURITE_SHARE) / subtopics)
    favourites = rng.choice(subtopics, _FAVOURITES, replace=False)
    mix[favourites] += _FAVOURITE_SHARE * rng.dirichlet(np.full(_FAVOURITES, 3.0))
    return tuple(float(share) for share in mix)


def _times(least: int, most: int, rng: np.random.Generator) -> list[float]:
    count = int(rng.integers(least, most + 1))
    days = rng.integers(0, _DAYS, count)
    evening = rng.random(count) < 0.5
    hours = np.where(evening, rng.uniform(EVENING_STARTS_HOUR + 2, 22, count), rng.uniform(6, 12, count))
    moments = np.sort(days * 24.0 + hours) * timedelta(hours=1).total_seconds()
    apart = moments + _SECONDS_APART * np.arange(count)
    return [float(np.floor(_START.timestamp() + moment)) for moment in apart]


def _follows(subtopics: tuple[Subtopic, ...], rng: np.random.Generator) -> np.ndarray:
    """Closed rounds of `_CYCLE` subtopics, each of another topic."""
    follows = np.zeros(len(subtopics), dtype=int)
    topics = list(dict.fromkeys(subtopic.topic for subtopic in subtopics))
    left = {topic: [p for p, s in enumerate(subtopics) if s.topic == topic] for topic in topics}
    for topic in topics:
        rng.shuffle(left[topic])
    while any(left.values()):
        fullest = sorted(topics, key=lambda topic: -len(left[topic]))[:_CYCLE]
        ring = [left[topic].pop() for topic in rng.permutation(fullest)]
        for here, there in zip(ring, ring[1:] + ring[:1], strict=True):
            follows[here] = there
    return follows


def _popularity(items: int, rng: np.random.Generator) -> np.ndarray:
    """A mildly skewed weight for each item."""
    return (1.0 + rng.permutation(items)) ** -_POPULARITY_EXPONENT
