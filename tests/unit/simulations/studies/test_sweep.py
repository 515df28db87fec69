"""A sweep: what it searches, when it ends a training, what it asks the test part, and what it says was spent."""

from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from shared.errors import Misconfigured
from shared.federation import read_federation
from simulations.report import CurvePoint
from simulations.studies import DEFAULT_SPACE, Dimension, read_space, run_sweep, spent_by_tuning
from simulations.studies import sweep as module

PEOPLE = np.arange(50)
ROUNDS = 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.learning_rate=0.003..0.1,log", Dimension("optimizer.learning_rate", (), 0.003, 0.1, False, True)),
        ("training.rounds=8..80", Dimension("training.rounds", (), 8, 80, True, False)),
        ("model.dense_scale=1e-1..2", Dimension("model.dense_scale", (), 0.1, 2, False, False)),
        ("windows.negatives=32|64", Dimension("windows.negatives", ("32", "64"))),
    ],
)
def test_a_dimension_is_read(text, expected):
    assert Dimension.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["rounds", "training.rounds", "training.rounds=", "training.rounds=8", "training.rounds=80..8", "a.b=0..1,log",
     "a.b=1..2,exp", "a.b=x|x", "a.b=x|", "A=1..2"],
)  # fmt: skip
def test_what_is_no_dimension_is_named(text):
    with pytest.raises(Misconfigured, match="--tune"):
        Dimension.parse(text)


def test_a_key_stands_once_and_the_default_space_is_valid():
    with pytest.raises(Misconfigured, match=r"each key once, got training\.rounds"):
        read_space(["training.rounds=8..9", "training.rounds=2..3"])
    assert [dimension.key for dimension in read_space([])] == list(DEFAULT_SPACE)
    for dimension in read_space([]):
        for value in dimension.choices or (dimension.low, dimension.high):
            read_federation(settings=[f"{dimension.key}={int(value) if dimension.whole else value}"])


@pytest.fixture
def trainings(monkeypatch):
    """Quality is the learning rate, from the first round on; the test part says half of it. Gives what was trained."""
    begun, asked = [], []

    class Runs:
        def __init__(self, *_):
            self.world = None

        def train(self, *wishes, on_curve, **_):
            rate = float(dict(wish.split("=") for wish in wishes).get("optimizer.learning_rate", 0.02))
            rounds = 0
            begun.append([rate, rounds])
            curve = [CurvePoint(number, {"sampled ndcg@10": rate if number else 0.0}) for number in range(ROUNDS + 1)]
            for point in [curve[0], *curve]:  # the start is told twice, as trainings that count do
                begun[-1][1] = point.round
                on_curve(point)
            return SimpleNamespace(curve=curve, scorer=rate)

    def evaluated(scorer, questions):
        asked.append(scorer)
        values = np.full(len(PEOPLE), scorer / 2)
        return SimpleNamespace(values={"sampled": {"ndcg@10": values}}, questions=SimpleNamespace(people=PEOPLE))

    monkeypatch.setattr(module, "StudyRuns", Runs)
    monkeypatch.setattr(module, "evaluate", evaluated)
    monkeypatch.setattr(module, "load", lambda *_: None)
    monkeypatch.setattr(module, "facts_of", lambda _: None)
    monkeypatch.setattr(module, "resolve", lambda *_: read_federation(settings=["privacy.level=user"]))
    world = SimpleNamespace(of=lambda *_: SimpleNamespace(split=SimpleNamespace(test="t")))
    monkeypatch.setattr(module, "World", world)
    return begun, asked


TUNE = ("optimizer.learning_rate=0.001..0.1,log",)


def test_the_best_on_the_validation_part_is_tested_beside_the_recipe(trainings, tmp_path):
    begun, asked = trainings
    found = run_sweep(tune=TUNE, trials=12, out=tmp_path)
    rates = [rate for rate, _ in begun[:12]]
    assert found["best"] == {"optimizer.learning_rate": max(rates)}
    assert asked == [0.02, max(rates)]
    assert (found["recipe"], found["tuned"]) == (pytest.approx(0.01), pytest.approx(max(rates) / 2))
    assert len(found["rows"]) == 12
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_that_is_behind_ends_early_and_the_first_ones_never_do(trainings, tmp_path):
    begun, _ = trainings
    rows = run_sweep(tune=TUNE, trials=12, out=tmp_path, track=("tensorboard",))["rows"]
    tracked = [
        EventAccumulator(str(tmp_path / "tracking" / "tensorboard" / f"trial-{row['trial']}")).Reload() for row in rows
    ]
    seen = [max(event.step for event in one.Scalars("validation/sampled ndcg@10")) for one in tracked]
    assert seen == [row["rounds"] for row in rows]
    ended = [row for row in rows if row["state"] == "pruned"]
    assert ended
    assert all(row["trial"] > 4 and row["rounds"] < ROUNDS for row in ended)
    assert [rounds for _, rounds in begun[:4]] == [ROUNDS] * 4


def test_a_sweep_goes_on_where_it_stopped_and_another_needs_another_folder(trainings, tmp_path):
    begun, _ = trainings
    first = run_sweep(tune=TUNE, trials=5, out=tmp_path)["rows"]
    again = run_sweep(tune=TUNE, trials=7, out=tmp_path)["rows"]
    assert (len(again), again[:5]) == (7, first)
    assert {row["optimizer.learning_rate"] for row in again[5:]}.isdisjoint(
        row["optimizer.learning_rate"] for row in first
    )
    assert len(begun) == 5 + 2 + 2 + 2  # each sweep trains the recipe and the best once more
    with pytest.raises(Misconfigured, match="expected a new folder"):
        run_sweep(tune=("training.rounds=2..4",), trials=7, out=tmp_path)


def test_all_trainings_together_come_to_more_than_one(trainings, tmp_path):
    spent = run_sweep(tune=TUNE, trials=5, out=tmp_path)["spent"]
    assert spent == spent_by_tuning(8.0, 1e-6, 5 + 2)  # and the two that the test part is asked of
    alone, more = spent_by_tuning(8.0, 1e-6, 1), spent_by_tuning(8.0, 1e-6, 10)
    assert alone["epsilon_of_all"] == pytest.approx(8.0, rel=0.01)
    assert 16 < spent["epsilon_of_all"] < more["epsilon_of_all"] < 80
