"""Cold start: what is new is nowhere in the training, and strangers are asked with their first events alone."""

from pathlib import Path

import numpy as np
import pytest

import simulations.studies.study_runs
from shared.model import build_model
from shared.release.making import first_release
from shared.release.release import Release
from simulations.datasets import load
from simulations.engine.spending import Spending
from simulations.engine.training import Trained
from simulations.evaluation.world import World
from simulations.studies.cold_start import FIRST_EVENTS, cold_start_curve, without_items
from simulations.studies.compare import run_comparison
from tests.support.tiny import Tiny


@pytest.fixture
def whole(world: Path) -> World:
    return World.of(load(f"events:{world}"), 0)


def ids(world: World, rows: np.ndarray) -> list[str]:
    return [world.dataset.catalogue[int(row)].id for row in rows]


def test_before_they_came_new_items_are_nowhere(whole: World) -> None:
    gone = np.zeros(24, bool)
    gone[[3, 8, 20]] = True
    new = set(ids(whole, np.flatnonzero(gone)))
    before = without_items(whole, gone)
    assert [item.id for item in before.dataset.catalogue] == [
        item.id for item in whole.dataset.catalogue if item.id not in new
    ]
    for person, log in enumerate(before.logs):
        kept = [event for event in whole.training_log(person) if event.item not in new]
        assert list(log) == list(before.training_log(person)) == kept
        assert not before.held_out(person)
        learnt = [event.item for event in kept] if person in whole.members else []
        assert ids(before, before.split.training[person]) == learnt
    assert len(before.split.test) == 0
    assert new & {event.item for log in whole.logs for event in log}


def test_validation_asks_what_it_asked_before_about_the_other_items(whole: World) -> None:
    gone = np.zeros(24, bool)
    gone[[3, 8, 20]] = True
    new = set(ids(whole, np.flatnonzero(gone)))
    asked, before = whole.split.validation, without_items(whole, gone)
    kept = [place for place, target in enumerate(asked.targets) if not gone[target]]
    assert 0 < len(kept) < len(asked)
    questions = before.split.validation
    assert questions.people.tolist() == asked.people[kept].tolist()
    for place, old in enumerate(kept):
        assert ids(before, questions.targets[[place]]) == ids(whole, asked.targets[[old]])
        assert ids(before, questions.histories[place]) == [
            item for item in ids(whole, asked.histories[old]) if item not in new
        ]
        negatives = [row for row in questions.negatives[place] if row >= 0]
        assert set(ids(before, negatives)) == set(ids(whole, asked.negatives[old][asked.negatives[old] >= 0])) - new


def test_strangers_are_asked_for_the_event_after_their_first_few_and_nobody_else_is(whole: World, tiny: Tiny) -> None:
    strangers = np.zeros(24, bool)
    strangers[[5, 9, 10]] = True  # with 10, 14 and 5 events: the last has none after the fifth
    world = World(whole.dataset, whole.split.without(strangers), np.flatnonzero(~strangers), strangers)
    recorder = Recorder()
    rows = cold_start_curve(world, finished(tiny, world, recorder))
    assert [(row["events"], row["model"]) for row in rows] == [
        (events, model) for events in FIRST_EVENTS for model in ("hushrec", "popularity", "zero-shot")
    ]
    assert {row["questions"] for row in rows} == {2}
    logs = [[world.dataset.catalogue.row(event.item) for event in world.logs[person]] for person in (5, 9)]
    assert recorder.asked == [(person, log[:n]) for n in FIRST_EVENTS for person, log in zip((5, 9), logs, strict=True)]
    # The recorder ranks the rows by their number, the last first: by hand, of 24 items less those met. What was met
    # before is not asked for.
    for n in FIRST_EVENTS:
        gains = []
        for log in (log for log in logs if log[n] not in log[:n]):
            above = len(set(range(log[n] + 1, 24)) - set(log[:n]))
            gains.append(1 / np.log2(above + 2) if above < 10 else 0.0)
        (row,) = [row for row in rows if (row["events"], row["model"]) == (n, "hushrec")]
        assert row["full ndcg@10"] == pytest.approx(np.mean(gains))
        assert row["low"] <= row["sampled ndcg@10"] <= row["high"]


def test_without_strangers_with_enough_events_there_are_no_figures(whole: World, tiny: Tiny) -> None:
    nobody = World(whole.dataset, whole.split, np.arange(24), np.zeros(24, bool))
    for row in cold_start_curve(nobody, finished(tiny, nobody, Recorder())):
        assert row["questions"] == 0
        assert row["sampled ndcg@10"] is None


def test_new_items_and_new_people_are_compared_on_the_same_questions(
    world: Path, federation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on = []

    def watched(people, *rest, **named):  # type: ignore[no-untyped-def]
        trained_on.append(people)
        return train(people, *rest, **named)

    train = simulations.studies.study_runs.train_federation
    monkeypatch.setattr(simulations.studies.study_runs, "train_federation", watched)
    rows = run_comparison("cold-start", data=f"events:{world}", federation=federation, rounds=2, seed=7)["rows"]
    usual, before = trained_on
    assert usual.strangers.sum() == before.strangers.sum() == 4  # a fifth of 24
    assert len(before.dataset.catalogue) == 22
    new = {item.id for item in usual.dataset.catalogue} - {item.id for item in before.dataset.catalogue}
    assert len(new) == 2
    assert not new & {event.item for log in before.logs for event in log}
    items = {row["model"]: row for row in rows if row["part"] == "new items"}
    assert items.keys() == {"predicted prior", "raw prior", "no prior", "nothing held out"}
    targets = ids(usual, usual.split.test.targets)
    for row in items.values():
        assert row["questions"] == sum(target in new for target in targets) > 0
        assert row["not held out"] == items["nothing held out"]["full ndcg@10"]
        assert row["of warm"] == pytest.approx(row["full ndcg@10"] / row["warm"])
    assert items["raw prior"]["full ndcg@10"] <= items["predicted prior"]["full ndcg@10"]
    tried = [row for row in rows if row["part"] == "new items, validation"]
    assert [row["model"] for row in tried][::2] == ["optimism 0", "optimism 1", "optimism 2", "optimism 3"]
    warm = [row["warm"] for row in tried]  # new items rise in every list, and all others fall
    assert warm == sorted(warm, reverse=True)
    assert warm[-1] < warm[0]
    people = [row for row in rows if row["part"].startswith("new people")]
    assert [row["part"] for row in people[::3]] == [f"new people, {n} events" for n in FIRST_EVENTS]
    assert all(row["gain over popularity"] in (0, None) for row in people if row["model"] == "popularity")


class Recorder:
    """Ranks the catalogue from its end, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[int]]] = []

    def score(self, people: np.ndarray, histories: list[np.ndarray]) -> np.ndarray:
        self.asked += [(int(who), history.tolist()) for who, history in zip(people, histories, strict=True)]
        return np.tile(np.arange(24, dtype=np.float32), (len(people), 1))


def finished(tiny: Tiny, world: World, scorer: Recorder) -> Trained:
    """A training that came to nothing, with a scorer put into its place."""
    file = tiny.file()
    model = build_model(file)
    catalogue = world.dataset.catalogue
    start: Release = first_release(file, catalogue, model, model.encoder.read_catalogue(catalogue.texts))
    return Trained(start, start, scorer, (), (), Spending(None, None), {})  # type: ignore[arg-type]
