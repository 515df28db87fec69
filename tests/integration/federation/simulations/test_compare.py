"""Comparisons: every model answers the same questions, and the rows say what sets the models apart."""

import json
import math
from pathlib import Path

import optuna
import pytest

from shared.errors import Misconfigured
from shared.model import Encoder
from simulations.datasets import load
from simulations.evaluation import World
from simulations.report import Progress
from simulations.studies import run_sweep
from simulations.studies.compare import run_comparison
from simulations.studies.study_runs import StudyRuns
from tests.support.tiny import catalogue

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


def test_repeats_are_asked_for_among_all_items_with_ones_own_plays_beside_the_model(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (world / "events.jsonl").read_text().splitlines()]
    again = [row | {"time_seconds": row["time_seconds"] + 1e6} for row in rows]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows + again))
    (tmp_path / "items.jsonl").write_text((world / "items.jsonl").read_text())
    record = run_comparison("repeats", data=f"events:{tmp_path}", federation=federation, rounds=1)
    models = {row["model"].split(" by ")[0]: row for row in record["rows"]}
    assert list(models) == ["hushrec", "hushrec and own plays", "own plays", "popularity", "item-knn"]
    assert models["own plays"]["repeats of a met item"] > models["popularity"]["repeats of a met item"]
    assert models["own plays"]["repeats of a new item"] is None  # all last choices are of something met
    assert models["hushrec"]["repeats over hushrec"].startswith("+0.0000")


def test_repeats_are_refused_where_nobody_repeats(federation: Path) -> None:
    with pytest.raises(
        Misconfigured, match=r"compare repeats: expected people who choose what they know, demo.* music"
    ):
        run_comparison("repeats", data="demo?people=20", federation=federation, rounds=1)


def test_chances_of_a_click_are_judged_on_other_people_than_they_were_fitted_on(
    federation: Path, tmp_path: Path
) -> None:
    items = list(catalogue())
    news = "".join(f"{item.id}\tthings\t{item.title}\n" for item in items)
    (tmp_path / "news_titles.tsv").write_text("news_id\tcategory\ttitle\n" + news)
    kind = items[0].id.partition("-")[0]
    lists = [
        f"{row}\tU{row % 20}\t11/{day}/2019 {1 + row % 11}:00:00 AM\t{items[row % 9].id} {items[(row + 1) % 9].id}\t"
        + " ".join(f"{item.id}-{int(item.id.startswith(kind))}" for item in items[row % 5 :: 4])
        for day in (11, 12, 13)
        for row in range(40)
    ]
    (tmp_path / "behaviors.tsv").write_text("\n".join(lists) + "\n")
    record = run_comparison("clicks", data=f"mind:{tmp_path}", federation=federation, rounds=1)
    rows = {row["model"]: row for row in record["rows"]}
    assert list(rows) == ["hushrec", "frozen texts", "popularity", "the same chance for every offer"]
    same = rows["the same chance for every offer"]
    assert same["impressions auc of all offers"] == 0.5
    assert len({row["offers"] for row in rows.values()}) == 1
    assert rows["popularity"]["impressions auc of all offers"] > 0.9  # only one kind is ever clicked
    assert rows["popularity"]["impressions log loss"] < same["impressions log loss"]


def test_chances_of_a_click_need_lists_that_were_shown(world: Path, federation: Path) -> None:
    with pytest.raises(Misconfigured, match="compare clicks: expected data with lists that were shown"):
        run_comparison("clicks", data=f"events:{world}", federation=federation, rounds=1)
