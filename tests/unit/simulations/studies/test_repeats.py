"""Own plays: by how often and how lately, beside another model."""

import numpy as np
import pytest

from simulations.datasets import load
from simulations.evaluation import World
from simulations.studies.repeats import OwnPlays, WithOwnPlays, _asked

PEOPLE = np.arange(1)


def test_what_was_played_often_and_lately_ranks_first_and_all_else_is_one():
    [scores] = OwnPlays(5).score(PEOPLE, [np.array([3, 1, 1, 2], np.int32)])
    assert np.argsort(-scores)[:3].tolist() == [1, 2, 3]
    assert scores[[0, 4]].tolist() == [0, 0]
    assert scores[2] == 1
    assert scores[3] == pytest.approx(0.5 ** (3 / 8))


def test_own_plays_are_added_to_another_models_scores_by_their_weight():
    class Flat:
        def score(self, people, histories):
            return np.ones((len(people), 3), np.float32)

    history = [np.array([2], np.int32)]
    assert WithOwnPlays(Flat(), 3, 0.0).score(PEOPLE, history).tolist() == [[1, 1, 1]]
    assert WithOwnPlays(Flat(), 3, 2.0).score(PEOPLE, history)[0] == pytest.approx([1, 1, 1 + 2 * np.log(2)])


def test_the_last_choice_is_asked_for_whether_it_repeats_or_not_and_no_training_holds_it():
    world = World.of(load("music?people=40"), 0)
    asked = _asked(world, 1)
    assert asked.repeats.any()
    assert not asked.repeats.all()
    learnt = world.split.training.lengths
    for person, history, target in zip(asked.people, asked.histories, asked.targets, strict=True):
        chosen = [event.item for event in world.dataset.people[int(person)].events]
        assert world.dataset.catalogue[int(target)].id == chosen[-1]
        assert len(history) == len(chosen) - 1 >= learnt[person]
