"""The recipe beside settings drawn at random: who is tried, who is asked the test part, and the ratio."""

from types import SimpleNamespace

import numpy as np
import pytest

from shared.federation import read_federation
from simulations.studies import recipe_trials
from simulations.studies.recipe_trials import measure_recipe

PEOPLE = np.arange(50)
TRIES = 6


class _Trial:
    """Quality is what the number of the training says; the test part says something else than the validation part."""

    def __init__(self, qualities):
        self.seed, self.world, self.asked = 0, SimpleNamespace(split=SimpleNamespace(validation="v", test="t")), []
        self._qualities = qualities

    def train(self, *settings, privacy, aggregation):
        self.asked.append((settings, privacy, aggregation))
        return SimpleNamespace(scorer=self._qualities[len(self.asked) - 1])


@pytest.fixture
def tested(monkeypatch):
    """Qualities of the models that the test part was asked of."""
    asked = []

    def evaluated(scorer, questions):
        if questions == "t":
            asked.append(scorer)
        values = np.full(len(PEOPLE), scorer if questions == "v" else scorer / 2)
        return SimpleNamespace(values={"sampled": {"ndcg@10": values}}, questions=SimpleNamespace(people=PEOPLE))

    monkeypatch.setattr(recipe_trials, "evaluate", evaluated)
    return asked


def test_the_best_draw_is_chosen_on_the_validation_part_and_tested_once(tested):
    trial = _Trial([0.45, 0.2, 0.5, 0.3, 0.1, 0.4, 0.35])
    found = measure_recipe(trial, 8.0, TRIES)
    assert tested == [0.45, 0.5]
    assert found["recipe_over_best"] == pytest.approx({"mean": 0.9, "low": 0.9, "high": 0.9})
    assert [row["validation"] for row in found["rows"]] == pytest.approx([0.45, 0.2, 0.5, 0.3, 0.1, 0.4, 0.35])
    assert [row["settings"] for row in found["rows"]][:2] == ["recipe", "random 1"]


def test_all_train_under_one_promise_and_what_is_drawn_differs_and_is_valid(tested):
    trial = _Trial([0.1] * (TRIES + 1))
    measure_recipe(trial, 2.0, TRIES)
    assert {(settings[0], *rest) for settings, *rest in trial.asked} == {("privacy.user_epsilon=2.0", "user", "ideal")}
    drawn = [settings[1:] for settings, *_ in trial.asked]
    assert drawn[0] == ()
    assert len(set(drawn)) == TRIES + 1
    for wishes in drawn[1:]:
        read_federation(settings=["privacy.level=user", *wishes])
