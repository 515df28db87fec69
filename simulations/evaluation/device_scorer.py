"""Ranking exactly as a person's device does, for evaluation: event by event, with all that a device makes of its log.

`ConceptScorer` ranks under the bare model, for many people at once; this is slower and asks fewer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from client import Profile, Recommender, RecommendOptions
from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue
from shared.metrics import (
    bootstrap_interval,
    by_terciles,
    coverage,
    gini,
    intra_list_diversity,
    miscalibration,
    novelty,
    quality_gap,
)
from shared.model import Context
from simulations.evaluation.split import Questions, item_places
from simulations.people import Rows

_LIST = 10
_GROUPS = ("few events", "some events", "many events")
_EVENTS = 40_000  # read at most, all asked people together


class FairnessRow(NamedTuple):
    """People with about as many events: how many people, their fewest and most events, their mean and its interval."""

    name: str
    people: int
    fewest: int
    most: int
    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class DeviceScorer:
    """Ranks each person by a profile of their own.

    Attributes:
        ranker: under the release that is measured.
        logs: every person's whole log; only what lies before the event asked for is used.
        profile: makes a person's profile of the events so far; the device's own way when left out.
    """

    ranker: Recommender
    catalogue: Catalogue
    logs: Sequence[Sequence[Event]]
    profile: Callable[[Sequence[Event]], Profile] | None = None
    wishes: RecommendOptions = field(default_factory=RecommendOptions)
    _profiles: dict[tuple[int, int], Profile] = field(default_factory=dict, init=False, repr=False)

    def events(self, person: int, history: Rows) -> Sequence[Event]:
        """What the person did up to the question; clicks in their order where only the items are known."""
        log = self.logs[person]
        places = item_places(log, self.catalogue)
        met = [self.catalogue.row(str(log[place].item)) for place in places[: len(history)]]
        if met == list(history) and len(history):
            return log[: places[len(history)]] if len(history) < len(places) else log
        ids = (self.catalogue[int(row)].id for row in history)
        return [Event(float(position), EventKind.CLICK, item) for position, item in enumerate(ids)]

    def profile_of(self, person: int, history: Rows) -> Profile:
        """The person's profile before the event asked for; made once."""
        known = (person, len(history))
        if known not in self._profiles:
            self._profiles[known] = (self.profile or self.ranker.profile)(self.events(person, history))
        return self._profiles[known]

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        asked = [(int(person), history) for person, history in zip(people, histories, strict=True)]
        return np.stack(
            [
                self.ranker.scores(self.profile_of(*asking), self.wishes, context=self.context(*asking))
                for asking in asked
            ]
        )

    def context(self, person: int, history: Rows) -> Context:
        """Of the moment of the question: a device knows what hour it is, not what will be chosen."""
        places = item_places(self.logs[person], self.catalogue)
        return self.logs[person][places[len(history)]].context if len(history) < len(places) else ()


def sample_people(questions: Questions, most: int, seed: int) -> Questions:
    """Some of the questions, drawn by the seed: at most so many, and no more than 40,000 events of history in all."""
    order = np.random.default_rng([seed, 11]).permutation(len(questions))
    read = np.cumsum([len(questions.histories[place]) for place in order])
    return questions.at(np.sort(order[: min(most, max(1, int((read <= _EVENTS).sum())))]))


def breadth(
    scorer: DeviceScorer, questions: Questions, quality: NDArray[np.float64], counts: NDArray[np.float64]
) -> dict[str, float | None]:
    """How wide, unusual, unlike, calibrated and fair the top tens are that devices offer.

    Args:
        scorer: makes the lists, as devices do.
        questions: m of them: whose list, and after which events.
        quality: float64 [m], nDCG@10 of each question, NaN where it was not asked; its gap between people with short
            and long histories is told.
        counts: float64 [items], training events about each.
    """
    lists = np.zeros((len(questions), min(_LIST, questions.items)), np.int64)
    own = []
    for number, (person, history) in enumerate(zip(questions.people, questions.histories, strict=True)):
        profile = scorer.profile_of(int(person), history)
        scores = scorer.ranker.scores(profile, scorer.wishes)
        scores[history] = -np.inf
        if questions.turned_away:
            scores[questions.turned_away[number]] = -np.inf
        lists[number] = np.argsort(-scores, kind="stable")[: lists.shape[1]]
        own.append(profile.interest().concepts)
    views = scorer.ranker.views
    lengths = np.array([len(history) for history in questions.histories], np.float64)
    asked = ~np.isnan(quality)
    groups = by_terciles(lengths, _GROUPS)
    gap = quality_gap(quality[asked], groups[asked])
    concepts = [shares for shares in own if shares is not None]
    return {
        "coverage": coverage(lists, questions.items),
        "gini": gini(lists, questions.items),
        "novelty": float(novelty(lists, counts).mean()),
        "intra-list diversity": float(intra_list_diversity(lists, views.content).mean()),
        "miscalibration": float(miscalibration(views.shares[lists], np.stack(concepts)).mean()) if concepts else None,
        **{f"ndcg@10, {name}": mean for name, mean in gap.means.items()},
        "gap": gap.gap,
        "gap low": gap.interval[0] if gap.interval else None,
        "gap high": gap.interval[1] if gap.interval else None,
    }


def fairness(questions: Questions, quality: NDArray[np.float64]) -> list[FairnessRow]:
    """How well people with few, some and many events before the question fare; groups as in `breadth`.

    Args:
        questions: m of them.
        quality: float64 [m], a figure of each, NaN where it was not asked.

    Returns:
        A row for each group that there is, fewest events first; mean and interval are None where `quality_gap` does not
        speak of so few people.
    """
    lengths = np.array([len(history) for history in questions.histories], np.float64)
    asked, groups = ~np.isnan(quality), by_terciles(lengths, _GROUPS)
    means = quality_gap(quality[asked], groups[asked]).means
    rows = []
    for name in _GROUPS:
        members = asked & (groups == name)
        if members.any():
            mean, of = means[name], lengths[members]
            around = None
            if mean is not None:
                around = bootstrap_interval(quality[members], 0, people=questions.people[members])
            rows.append(FairnessRow(name, int(members.sum()), int(of.min()), int(of.max()), mean, around))
    return rows
