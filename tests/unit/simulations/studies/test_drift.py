"""People who change: who is asked about what, and that other data is refused."""

from pathlib import Path

import numpy as np
import pytest

from shared.errors import Misconfigured
from simulations.datasets import Habit, load
from simulations.evaluation.world import World
from simulations.studies.compare import run_comparison
from simulations.studies.drift import _AFTER, _asked


@pytest.fixture(scope="module")
def demo() -> World:
    return World.of(load("demo", 0), 0)


def test_after_a_change_the_third_to_the_eighth_event_are_asked_for(demo: World) -> None:
    truth, catalogue = demo.dataset.truth, demo.dataset.catalogue
    assert truth is not None
    questions = _asked(demo, truth, Habit.SWITCH, _AFTER)
    assert len(questions) > 100
    for number, history, target in zip(questions.people, questions.histories, questions.targets, strict=True):
        person = demo.dataset.people[int(number)]
        interests = truth.interests[person.id]
        assert interests.habit is Habit.SWITCH
        assert number % 2 == 1
        items = [event for event in person.events if event.item in catalogue]
        asked = items[len(history)]
        assert catalogue.row(str(asked.item)) == target
        assert [catalogue.row(str(event.item)) for event in items[: len(history)]] == list(history)
        assert interests.switch_seconds is not None
        since = sum(event.time_seconds >= interests.switch_seconds for event in items[: len(history) + 1])
        assert 3 <= since <= 8


def test_without_a_change_every_event_with_three_before_it_is_asked_for(demo: World) -> None:
    truth = demo.dataset.truth
    assert truth is not None
    questions = _asked(demo, truth, Habit.STEADY, None)
    assert min(len(history) for history in questions.histories) == 3
    one = questions.people[0]
    lengths = [len(history) for history in questions.of(np.array([one])).histories]
    assert lengths == list(range(3, 3 + len(lengths)))


def test_data_whose_truth_nobody_knows_is_refused(world: Path, federation: Path) -> None:
    with pytest.raises(Misconfigured, match="demo"):
        run_comparison("changes", data=f"events:{world}", federation=federation)
