"""People whose interests change or go by the hour: the demo's, whose true interests are known.

Settings were chosen on the people with even numbers; only the others are asked here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from client import Profile, Recommender
from shared.behaviour import Event
from shared.errors import Misconfigured
from shared.metrics import bootstrap_interval
from shared.release import model_of
from simulations.datasets import DemoTruth, Habit
from simulations.evaluation import (
    DeviceScorer,
    Evaluation,
    Questions,
    World,
    evaluate,
    item_places,
    sample_people,
)
from simulations.people import Rows
from simulations.studies.study_runs import StudyRuns

_AFTER = range(3, 9)  # item events since the change, the one asked for included
_FEWEST = 3  # events before a question
_ASKED = 2000  # questions of each kind of people, at most

Make = Callable[[Recommender, Sequence[Event]], Profile]


def measure_changes(trials: StudyRuns) -> list[dict[str, Any]]:
    """Each way of reading a log beside forgetting alone, for each kind of person; 95 % bootstrap intervals over people.

    Raises:
        Misconfigured: data whose true interests nobody knows.
    """
    world, truth = trials.world, trials.world.dataset.truth
    if truth is None:
        raise Misconfigured(f"compare changes: expected --data demo, whose true interests are known, got {trials.data}")
    trained = trials.train()
    ranker = Recommender(trained.release, model_of(trained.release))
    groups = {
        "right after a change": _asked(world, truth, Habit.SWITCH, _AFTER),
        "interests by the hour": _asked(world, truth, Habit.HOURS, None),
        "steady": _asked(world, truth, Habit.STEADY, None),
        "drifting": _asked(world, truth, Habit.DRIFT, None),
    }
    rows = []
    with trials.progress.stage("changing people", total=len(groups) * len(_WAYS)) as stage:
        for group, every in groups.items():
            questions = sample_people(every, _ASKED, trials.seed)
            beside = None
            for way, make in _WAYS.items():
                stage.advance(0, f"{group}: {way}")
                scorer = DeviceScorer(
                    ranker,
                    trained.release.catalogue,
                    world.logs,
                    lambda events, make=make: make(ranker, events),  # type: ignore[misc]
                )
                evaluation = evaluate(scorer, questions)
                beside = beside or evaluation
                rows.append({"people": group, "way": way, "questions": len(questions)} | _figures(evaluation, beside))
                stage.advance()
    return rows


_WAYS: dict[str, Make] = {
    "forgetting alone": lambda ranker, events: ranker.profile(events, notices_drift=False),
    "drift noticed": lambda ranker, events: ranker.profile(events),
    "drift and the hour": lambda ranker, events: ranker.profile(events, replace(ranker.levels_for(()), hour=0.6)),
    "drift, levels and hour chosen by each device": lambda ranker, events: ranker.profile(
        events, ranker.levels_for(events)
    ),
}


def _figures(evaluation: Evaluation, beside: Evaluation) -> dict[str, Any]:
    own, other = (e.values["full"]["ndcg@10"] for e in (evaluation, beside))
    low, high = bootstrap_interval(own - other, seed=0, people=evaluation.questions.people)
    return {
        "full ndcg@10": float(own.mean()),
        "gain": float(own.mean() / other.mean() - 1.0),
        "difference, interval": f"{low:+.4f} to {high:+.4f}",
    }


def _asked(world: World, truth: DemoTruth, habit: Habit, after: range | None) -> Questions:
    """Every item event of the people of a habit, or those so many events after their change."""
    catalogue = world.dataset.catalogue
    people: list[int] = []
    histories: list[Rows] = []
    targets: list[int] = []
    for number, person in enumerate(world.dataset.people):
        interests = truth.interests[person.id]
        if interests.habit is not habit or number % 2 == 0:
            continue
        places = item_places(person.events, catalogue)
        rows = np.array([catalogue.row(str(person.events[place].item)) for place in places], np.int32)
        since = interests.switch_seconds or 0.0
        times = np.array([person.events[place].time_seconds for place in places])
        for place in _places(len(rows), int(np.searchsorted(times, since)), after):
            people.append(number)
            histories.append(rows[:place])
            targets.append(int(rows[place]))
    nobody = np.full((len(people), 1), -1, np.int32)
    return Questions(
        len(catalogue), np.array(people), histories, np.array(targets, np.int32), nobody, [None] * len(people)
    )


def _places(count: int, changed: int, after: range | None) -> Iterator[int]:
    for place in range(_FEWEST, count):
        if after is None or place - changed + 1 in after:
            yield place
