"""Evaluation on the device's own terms: the events before the question and no others, and lists counted right."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from client import Levels, Recommender
from simulations.datasets import load
from simulations.evaluation import evaluate
from simulations.evaluation.concept_scorer import ConceptScorer
from simulations.evaluation.device_scorer import DeviceScorer, breadth, fairness, sample_people
from simulations.evaluation.world import World
from tests.support.tiny import Tiny


@pytest.fixture
def whole(world: Path) -> World:
    return World.of(load(f"events:{world}"), 0)


@pytest.fixture(params=["forgetting", "linear", "gru", "lstm", "attention"])
def ready(tiny: Tiny, whole: World, request: pytest.FixtureRequest):
    release, model = tiny.moved(f"interest.evolution={request.param}", "interest.context=true")
    ranker = Recommender(release, model)
    return whole, release, model, ranker, DeviceScorer(ranker, release.catalogue, whole.logs)


def test_a_device_reads_the_events_before_the_question_and_no_later_one(ready) -> None:
    whole, release, _, _, scorer = ready
    for part in (whole.split.validation, whole.split.test):
        for person, history, target in zip(part.people, part.histories, part.targets, strict=True):
            read = scorer.events(int(person), history)
            log = list(whole.logs[person])
            assert list(read) == log[: len(read)]
            following = next(event for event in log[len(read) :] if event.item in release.catalogue)
            assert release.catalogue.row(str(following.item)) == target
            assert [release.catalogue.row(e.item) for e in read if e.item in release.catalogue] == list(history)


def test_where_only_items_are_known_they_are_read_as_clicks_in_their_order(ready) -> None:
    _, release, _, _, scorer = ready
    events = scorer.events(0, np.array([5, 3, 5, 1, 0], np.int32))
    assert [release.catalogue.row(str(event.item)) for event in events] == [5, 3, 5, 1, 0]
    assert np.diff([event.time_seconds for event in events]).tolist() == [1.0] * 4


def test_read_plainly_a_device_ranks_as_the_bare_model_does(ready) -> None:
    whole, release, model, ranker, _ = ready

    def plain(events):
        return ranker.profile(events, Levels(0, 1, 0), weighs_events=False, notices_drift=False)

    questions = whole.split.test
    device = DeviceScorer(ranker, release.catalogue, whole.logs, plain)
    bare = ConceptScorer(release, model, whole.dataset.people)
    people, histories = questions.people, questions.histories
    assert device.score(people, histories) == pytest.approx(bare.score(people, histories), abs=2e-3)


def test_a_sample_is_bounded_and_repeats(ready) -> None:
    whole = ready[0]
    questions = whole.split.test
    few = sample_people(questions, 3, 0)
    assert len(few) == 3
    assert few.people.tolist() == sample_people(questions, 3, 0).people.tolist()
    assert len(sample_people(questions, 10**6, 0)) == len(questions)


def test_breadth_is_that_of_the_ten_best_items_not_met(ready) -> None:
    whole, release, _, ranker, scorer = ready
    questions = whole.split.test
    quality = evaluate(scorer, questions).values["sampled"]["ndcg@10"]
    found = breadth(scorer, questions, quality, whole.split.counts())
    offered = set()
    for person, history in zip(questions.people, questions.histories, strict=True):
        log = scorer.events(int(person), history)
        offered |= {offer.row for offer in ranker.recommend(log, 10)}
    assert found["coverage"] == pytest.approx(len(offered) / len(release.catalogue))
    for name in ("gini", "novelty"):
        assert 0.0 <= found[name] <= 1.0
    assert 0.0 <= found["intra-list diversity"] <= 2.0
    assert found["miscalibration"] >= 0.0
    assert found["ndcg@10, few events"] is None or 0.0 <= found["ndcg@10, few events"] <= 1.0


def test_fairness_speaks_of_three_groups_each_with_its_people_and_interval(whole: World) -> None:
    questions = whole.split.test.at(np.repeat(np.arange(len(whole.split.test)), 5))  # enough to be spoken of
    quality = np.linspace(0.0, 1.0, len(questions))
    quality[0] = np.nan
    rows = fairness(questions, quality)
    assert [row.name for row in rows] == [f"{name} events" for name in ("few", "some", "many")][: len(rows)]
    assert sum(row.people for row in rows) == len(questions) - 1
    lengths = np.array([len(history) for history in questions.histories])
    for row in rows:
        members = (lengths >= row.fewest) & (lengths <= row.most) & ~np.isnan(quality)
        assert members.sum() == row.people
        if row.mean is not None and row.interval is not None:
            assert row.mean == pytest.approx(quality[members].mean())
            assert row.interval[0] < row.mean < row.interval[1]
    assert any(row.interval is not None for row in rows)
    for before, after in itertools.pairwise(rows):
        assert before.most < after.fewest
