"""How much of the quality is kept: a ratio of means, paired by people."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulations.studies import privacy_cost
from simulations.studies.privacy_cost import measure_privacy_cost

PEOPLE = np.arange(200)


class _Trial:
    """One seed: people fare evenly well, and a promise takes its part from each."""

    def __init__(self, seed):
        self.seed, self.world, self.asked = seed, SimpleNamespace(split=SimpleNamespace(test=None)), []

    def train(self, *settings, privacy="none", aggregation="plain"):
        self.asked.append((settings, privacy, aggregation))
        kept = {(): 1.0, ("privacy.user_epsilon=8.0",): 0.9, ("privacy.user_epsilon=2.0",): 0.6}[settings]
        return SimpleNamespace(scorer=(self.seed, kept))


def _evaluated(scorer, questions):
    seed, kept = scorer
    values = kept * np.random.default_rng(seed).uniform(0.2, 0.6, len(PEOPLE))
    return SimpleNamespace(
        values={"sampled": {"ndcg@10": values}, "full": {"ndcg@10": values / 2}},
        questions=SimpleNamespace(people=PEOPLE),
        interval=lambda way, name: (0.1, 0.2),
    )


@pytest.fixture
def trials(monkeypatch):
    monkeypatch.setattr(privacy_cost, "evaluate", _evaluated)
    return [_Trial(seed) for seed in range(3)]


def test_it_tells_the_share_that_is_kept_at_each_epsilon(trials):
    kept = measure_privacy_cost(trials, [8.0, 2.0])["kept"]
    assert kept.keys() == {"8", "2"}
    # The same people on both sides: what they differ by among themselves makes the ratio no less sure.
    assert kept["8"] == pytest.approx({"mean": 0.9, "low": 0.9, "high": 0.9})
    assert kept["2"] == pytest.approx({"mean": 0.6, "low": 0.6, "high": 0.6})


def test_each_seed_is_trained_once_openly_and_once_at_each_epsilon(trials):
    rows = measure_privacy_cost(trials, [8.0, 2.0])["rows"]
    assert [(row["seed"], row["epsilon"]) for row in rows] == [
        (seed, epsilon) for seed in range(3) for epsilon in ("none", "8", "2")
    ]
    assert trials[0].asked == [
        ((), "none", "plain"),
        (("privacy.user_epsilon=8.0",), "user", "ideal"),
        (("privacy.user_epsilon=2.0",), "user", "ideal"),
    ]


def test_people_who_were_not_asked_count_on_neither_side(trials, monkeypatch):
    def some(scorer, questions):
        evaluation = _evaluated(scorer, questions)
        evaluation.values["sampled"]["ndcg@10"][::2] = np.nan
        return evaluation

    monkeypatch.setattr(privacy_cost, "evaluate", some)
    assert measure_privacy_cost(trials, [8.0])["kept"]["8"]["mean"] == pytest.approx(0.9)
