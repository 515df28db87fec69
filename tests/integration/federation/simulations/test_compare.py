"""Comparisons: every model answers the same questions, and the rows say what sets the models apart."""

import math
from pathlib import Path

import optuna
import pytest

from shared.model import Encoder
from simulations.datasets import load
from simulations.evaluation import World
from simulations.report import Progress
from simulations.studies import run_sweep
from simulations.studies.compare import run_comparison
from simulations.studies.study_runs import StudyRuns

FIGURES = ("sampled hr@10", "sampled ndcg@10", "full ndcg@10")


def test_baselines_stand_beside_the_federation_with_the_same_figures(world: Path, federation: Path) -> None:
    record = run_comparison("baselines", data=f"events:{world}", federation=federation, rounds=2)
    assert record["data"] == f"events:{world}"
    rows = {row["model"]: row for row in record["rows"]}
    assert rows.keys() == {
        "hushrec", "popularity", "zero-shot", "item-knn", "ease", "ials", "bpr", "central", "local-only",
    }  # fmt: skip
    for row in rows.values():
        assert all(0 <= row[name] <= 1 for name in FIGURES)
    low, high = map(float, rows["hushrec"]["sampled ndcg@10 interval"].split(" to "))
    assert low <= rows["hushrec"]["sampled ndcg@10"] <= high
    assert rows["hushrec"]["client milliseconds"] > 0


def test_the_adapter_is_compared_alone_and_with_the_heads_and_really_moves(world: Path, federation: Path) -> None:
    record = run_comparison("adapters", data=f"events:{world}", federation=federation)
    heads, adapter, both = record["rows"]
    assert [row["model"] for row in record["rows"]] == ["heads only", "adapter only", "heads and adapter"]
    assert "gain over heads" not in heads
    for row in (adapter, both):
        assert row["parameters moved"] > 0
        assert row["client milliseconds"] > 0
        gain = row["sampled ndcg@10"] - heads["sampled ndcg@10"]
        assert math.isclose(row["gain over heads"], gain, abs_tol=1e-9)
        low, high = map(float, row["gain interval"].split(" to "))
        assert low - 1e-4 <= gain <= high + 1e-4


def test_peoples_own_words_are_read_once_for_all_trainings_of_a_study(
    world: Path, federation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = World.of(load(f"events:{world}", 0), 0)
    study = StudyRuns(f"events:{world}", people, federation, (), 1, None, "local", 0, Progress())
    texts, batches = set(people.dataset.people.own_texts()), Encoder._batches
    encoded: list[str] = []

    def counted(encoder: Encoder, some: list[str], tokens: int):
        encoded.extend(texts.intersection(some))
        return batches(encoder, some, tokens)

    monkeypatch.setattr(Encoder, "_batches", counted)
    first = study.train().release
    assert set(encoded) == texts != set()
    before = len(encoded)
    assert study.train().release.digest() == first.digest()
    assert len(encoded) - before == before - len(texts)  # what is read anew under the parameters that were learnt


def test_an_unknown_comparison_is_not_run(world: Path, federation: Path) -> None:
    with pytest.raises(KeyError):
        run_comparison("everything", data=f"events:{world}", federation=federation)


def test_ablations_leave_one_part_out_at_a_time_and_say_what_it_is_worth(world: Path, federation: Path) -> None:
    record = run_comparison("ablations", data=f"events:{world}", federation=federation, rounds=2)
    rows = {row["variant"]: row for row in record["rows"]}
    assert {
        "everything",
        "bare model",
        "without transitions",
        "without concepts",
        "without noticing drift",
    } <= rows.keys()
    whole = rows["everything"]
    assert whole["everything gains"] == 0.0
    for row in rows.values():
        gain = whole["sampled ndcg@10"] - row["sampled ndcg@10"]
        assert math.isclose(row["everything gains"], gain, abs_tol=1e-9)
        low, high = map(float, row["interval"].split(" to "))
        assert low - 1e-4 <= gain <= high + 1e-4
    assert any(row["everything gains"] != 0.0 for row in rows.values())


def test_a_sweep_trains_for_real_and_leaves_a_study_that_optuna_reads(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    tune = ("optimizer.learning_rate=0.003..0.1,log", "windows.negatives=4|8")
    settings = {"data": f"events:{world}", "federation": federation, "rounds": 2, "privacy": "none"}
    found = run_sweep(tune=tune, trials=2, out=tmp_path, aggregation="plain", **settings)
    study = optuna.load_study(study_name="hushrec", storage=f"sqlite:///{tmp_path / 'study.sqlite'}")
    assert study.best_params == found["best"]
    assert [sorted(trial.intermediate_values) for trial in study.trials] == [[0, 1, 2]] * 2
    assert [row["validation"] for row in found["rows"]] == [trial.value for trial in study.trials]
    assert found["spent"] is None
