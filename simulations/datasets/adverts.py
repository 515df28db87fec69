"""Makes the adverts world: articles offered six at a time, of which people click what suits them.

Its people, their hidden interests and its articles are the demo's. What a person did in the last ninth of the time is
the test, as lists with what was clicked; before that each click is an event with what was shown beside it. Whether an
offer is clicked depends on its subtopic's share in the person's interests alone, so that a chance of a click is true or
not. Nobody in it is real.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.behaviour import Event, EventKind
from simulations.datasets.dataset import Dataset, Impression, LoadReport
from simulations.datasets.demo import PEOPLE, make_demo
from simulations.datasets.demo_truth import DemoTruth
from simulations.people import People, Person

OFFERED = 6
_FITTING_SHARE = 0.4  # of the offers, drawn by the person's interests; the others by chance
_TEST_SHARE = 1 / 9
_CLICK_AT_LEAST, _CLICK_AT_MOST = 0.04, 0.6
_LISTS_PER_EVENT = 2


def make_adverts(seed: int, people: int = PEOPLE) -> Dataset:
    """The world of `seed` with so many people: the same for the same two on every machine."""
    demo = make_demo(seed, people)
    if demo.truth is None:
        raise RuntimeError("adverts: expected the demo to know what it hides, got nothing")
    rng = np.random.default_rng([seed, len("adverts world")])
    offering = _Offering(demo, demo.truth, rng)
    begin = min(person.events[0].time_seconds for person in demo.people)
    end = demo.people.latest_seconds
    impressions: list[Impression] = []
    kept = []
    for number, person in enumerate(demo.people):
        events, lists = offering.live(person, number, end - _TEST_SHARE * (end - begin))
        kept.append(Person(person.id, tuple(events)))
        impressions += lists
    lived = People.of(kept)
    rows = len(demo.catalogue) + lived.events
    return Dataset("adverts", demo.catalogue, lived, LoadReport(rows, rows, ()), impressions=tuple(impressions))


@dataclass(frozen=True)
class _Offering:
    """Draws lists for people and says what they click."""

    demo: Dataset
    truth: DemoTruth
    rng: np.random.Generator

    def live(self, person: Person, number: int, test_from_seconds: float) -> tuple[list[Event], list[Impression]]:
        """A person's clicks before the test, and the lists of the test that had one."""
        events: list[Event] = []
        lists: list[Impression] = []
        history: list[str] = []
        ids = [item.id for item in self.demo.catalogue]
        for seen in person.events:
            for turn in range(_LISTS_PER_EVENT):
                time = seen.time_seconds + 30.0 * turn
                rows, clicked = self._shown(person, time)
                names = tuple(ids[row] for row in rows.tolist())
                taken = [name for name, click in zip(names, clicked.tolist(), strict=True) if click]
                if time >= test_from_seconds:
                    if 0 < len(taken) < len(names):
                        told = tuple(bool(click) for click in clicked)
                        lists.append(Impression(number, time, tuple(history), names, told))
                    continue
                passed = tuple(name for name in names if name not in taken)
                events += [Event(time, EventKind.CLICK, name, shown=passed) for name in taken]
                history += taken
        return events, lists

    def _shown(self, person: Person, time: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of one list, and which of them are clicked."""
        places = np.array([self.truth.item_subtopic[item.id] for item in self.demo.catalogue])
        mix = np.array(self.truth.interests[person.id].at(time))
        suits = mix[places] / mix[places].sum()
        weights = _FITTING_SHARE * suits + (1 - _FITTING_SHARE) / len(places)
        rows = self.rng.choice(len(places), OFFERED, replace=False, p=weights)
        chance = _CLICK_AT_LEAST + (_CLICK_AT_MOST - _CLICK_AT_LEAST) * mix[places[rows]] / mix.max()
        return rows, self.rng.random(OFFERED) < chance
