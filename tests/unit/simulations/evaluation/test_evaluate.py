"""Questions asked in batches, against a slow reading of the protocol and figures worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured
from simulations.datasets import Impression
from simulations.evaluation import Questions, evaluate, split
from tests.support.small import dataset


class Fixed:
    """Scores from a table, [people, items]."""

    def __init__(self, table: Sequence[Sequence[float]]) -> None:
        self.table = np.asarray(table, np.float32)
        self.asked: list[int] = []

    def score(self, people, histories):
        self.asked += people.tolist()
        return self.table[people]


def test_the_figures_of_one_person_by_hand():
    questions = split(dataset([["0", "1", "2"]], items=6), seed=0).test
    figures = evaluate(Fixed([[9, 8, 5, 7, 5, 1]]), questions).figures()
    # Others are 3, 4 and 5: one above, one level, one below; places 2 or 3.
    expected = (1 / np.log2(3) + 1 / np.log2(4)) / 2
    assert figures["sampled"] == pytest.approx({"hr@10": 1.0, "ndcg@10": expected, "auc": 0.5, "mrr": 5 / 12})
    assert figures["full"] == pytest.approx({"hr@10": 1.0, "ndcg@10": expected, "mrr": 5 / 12})
    assert "impressions" not in figures


def test_full_ranks_against_all_items_but_the_history_and_validation_counts_as_seen():
    parts = split(dataset([["0", "1", "2"]], items=4), seed=0)
    scorer = Fixed([[9, 8, 7, 6]])
    assert evaluate(scorer, parts.test).figures()["full"]["mrr"] == 1.0
    assert evaluate(scorer, parts.validation).figures()["full"]["mrr"] == 1.0
    assert evaluate(Fixed([[0, 1, 2, 3]]), parts.validation).figures()["full"]["mrr"] == pytest.approx(1 / 3)


def test_a_target_met_before_is_asked_for_in_its_list_alone():
    impressions = tuple(Impression(0, 10.0, ("1",), (item, "0"), (True, False)) for item in ("1", "2"))
    parts = split(dataset([["1"]], items=4, impressions=impressions), seed=0)
    evaluation = evaluate(Fixed([[5, 9, 7, 6]]), parts.test)
    assert np.isnan(evaluation.values["full"]["mrr"]).tolist() == [True, False]
    assert evaluation.figures()["full"]["mrr"] == evaluation.figures()["sampled"]["mrr"] == 1.0
    assert evaluation.values["impressions"]["auc"].tolist() == [1.0, 1.0]


def test_what_was_turned_away_from_does_not_compete():
    small = dataset([["1", "0", "2"]], items=5)
    away = [Event(0.5, EventKind.DISMISSAL, "3"), Event(0.6, EventKind.SKIP, "4")]
    person = replace(small.people[0], events=(small.people[0].events[0], *away, *small.people[0].events[1:]))
    parts = split(replace(small, people=(person,)), seed=0)
    scorer = Fixed([[0, 0, 1, 9, 9]])
    assert evaluate(scorer, parts.test).figures()["full"]["hr@10"] == 1.0
    assert evaluate(scorer, parts.test).values["full"]["mrr"].tolist() == [1.0]


def slowly(table, questions: Questions) -> dict[str, list[float]]:
    """nDCG@10 of each question, one item at a time, for scores without ties."""
    result: dict[str, list[float]] = {"sampled": [], "full": []}
    for place, person in enumerate(questions.people):
        target = int(questions.targets[place])
        met = set(questions.histories[place].tolist())
        rivals = {
            "sampled": [item for item in questions.negatives[place].tolist() if item >= 0],
            "full": [item for item in range(questions.items) if item not in met and item != target],
        }
        for way, items in rivals.items():
            rank = 1 + sum(table[person][item] > table[person][target] for item in items)
            result[way].append(1 / np.log2(rank + 1) if rank <= 10 else 0.0)
    return result


@pytest.mark.parametrize("batch_scores", [1, 700, 2**23])
def test_batches_of_any_size_agree_with_the_slow_reading(monkeypatch, batch_scores):
    monkeypatch.setattr(import_module("simulations.evaluation.evaluate"), "_BATCH_SCORES", batch_scores)
    rng = np.random.default_rng(0)
    sequences = [[str(item) for item in rng.integers(150, size=rng.integers(0, 9))] for _ in range(40)]
    table = rng.permuted(np.tile(np.arange(150.0), (40, 1)), axis=1)
    parts = split(dataset(sequences, items=150), seed=0)
    for questions in (parts.validation, parts.test):
        done = []
        evaluation = evaluate(Fixed(table), questions, done.append)
        expected = slowly(table, questions)
        assert evaluation.values["sampled"]["ndcg@10"] == pytest.approx(expected["sampled"])
        assert evaluation.values["full"]["ndcg@10"] == pytest.approx(expected["full"])
        assert sum(done) == len(questions)


def test_shown_lists_are_ranked_and_their_other_clicks_are_no_rivals():
    impressions = (Impression(0, 5.0, ("0",), ("3", "4", "5"), (False, True, True)),)
    test = split(dataset([["0"]], items=6, impressions=impressions), seed=0).test
    figures = evaluate(Fixed([[9, 1, 0, 5, 4, 8]]), test).figures()
    assert figures["impressions"]["auc"] == pytest.approx(0.5)
    assert figures["impressions"]["mrr"] == pytest.approx((1 + 1 / 3) / 2)
    assert figures["full"]["mrr"] == pytest.approx(1 / 2)  # 3 lies above 4; 0 was met and 5 was clicked too
    assert figures["sampled"]["mrr"] == pytest.approx(1 / 2)


def test_figures_of_a_subset_and_of_nobody():
    parts = split(dataset([["0", "1", "2"], ["0", "1", "3"]], items=6), seed=0)
    evaluation = evaluate(Fixed([[0, 0, 9, 1, 2, 3], [0, 0, 3, 1, 2, 4]]), parts.test)
    assert evaluation.figures(np.asarray([True, False]))["full"]["mrr"] == 1.0
    assert evaluation.figures(np.asarray([False, True]))["full"]["mrr"] == pytest.approx(1 / 4)
    nobody = evaluation.figures(np.asarray([False, False]))
    assert nobody["sampled"] == {"hr@10": None, "ndcg@10": None, "auc": None, "mrr": None}
    assert nobody["full"] == {"hr@10": None, "ndcg@10": None, "mrr": None}


def test_only_the_people_asked_for_are_scored():
    parts = split(dataset([["0", "1", "2"]] * 3, items=6), seed=0)
    scorer = Fixed(np.zeros((3, 6)))
    evaluate(scorer, parts.test.of(np.asarray([2, 0])))
    assert scorer.asked == [0, 2]


def test_no_questions_give_figures_of_none():
    figures = evaluate(Fixed([[0.0] * 6]), split(dataset([["0"]], items=6), seed=0).test).figures()
    assert set(figures["sampled"].values()) == set(figures["full"].values()) == {None}


def test_the_interval_of_people_who_all_fare_alike_is_a_point():
    evaluation = evaluate(Fixed([[0, 0, 9, 0]] * 4), split(dataset([["0", "1", "2"]] * 4, items=4), seed=0).test)
    assert evaluation.interval("full", "ndcg@10") == (1.0, 1.0)


def test_scores_that_are_not_numbers_are_refused_rather_than_ranked_first():
    questions = split(dataset([["0", "1", "2"]], items=4), seed=0).test
    with pytest.raises(Misconfigured, match=r"Fixed: expected numbers as scores, got NaN"):
        evaluate(Fixed([[0, 0, float("nan"), 0]]), questions)


def test_scores_of_part_of_the_catalogue_are_refused():
    questions = split(dataset([["0", "1", "2"]], items=4), seed=0).test
    with pytest.raises(Misconfigured, match=r"expected scores \(1, 4\), got \(1, 3\)"):
        evaluate(Fixed([[0, 0, 0]]), questions)
