"""What is held out, and that nothing held out is ever learnt from."""

import sys

import numpy as np

from simulations.datasets import Impression, load
from simulations.evaluation import World, split
from tests.support.small import dataset


def test_the_last_item_is_the_test_and_the_one_before_it_the_validation():
    parts = split(dataset([["4", "2", "0", "3"]], items=5), seed=0)
    assert parts.training[0].tolist() == [4, 2]
    assert (parts.validation.histories[0].tolist(), parts.validation.targets.tolist()) == ([4, 2], [0])
    assert (parts.test.histories[0].tolist(), parts.test.targets.tolist()) == ([4, 2, 0], [3])


def test_counts_hold_no_kept_event():
    parts = split(dataset([["0", "1", "2"], ["0", "2", "1"]], items=3), seed=0)
    assert parts.counts().tolist() == [2.0, 0.0, 0.0]


def test_people_with_fewer_than_three_items_are_learnt_from_and_not_asked():
    parts = split(dataset([["0", "1"], ["2"], [], ["0", "1", "2"]], items=3), seed=0)
    assert parts.test.people.tolist() == parts.validation.people.tolist() == [3]
    assert [rows.tolist() for rows in parts.training] == [[0, 1], [2], [], [0]]


def test_events_without_a_catalogue_item_are_no_targets():
    parts = split(dataset([["0", "1", None, "2", "unknown", None]], items=3), seed=0)
    assert parts.training[0].tolist() == [0]
    assert (parts.validation.targets.tolist(), parts.test.targets.tolist()) == ([1], [2])


def test_only_what_was_not_met_before_is_asked_for_and_what_follows_it_is_left_out():
    parts = split(dataset([["1", "0", "1", "2", "0", "3", "1", "3"]], items=5), seed=0)
    assert (parts.test.targets.tolist(), parts.validation.targets.tolist()) == ([3], [2])
    assert parts.test.histories[0].tolist() == [1, 0, 1, 2, 0]
    assert (parts.training[0].tolist(), parts.kept_from.tolist()) == ([1, 0, 1], [3])
    assert parts.repeats == 0.5


def test_people_with_fewer_than_three_different_items_are_not_asked():
    parts = split(dataset([["1", "1", "0", "1", "1"], ["0", "1", "2"]], items=4), seed=0)
    assert parts.test.people.tolist() == [1]
    assert parts.training[0].tolist() == [1, 1, 0, 1, 1]


def test_training_events_hold_the_items_of_training_and_the_searches_before_them():
    small = dataset([["0", None, "1", None, "2", "3"], ["0", None, "1"]], items=4)
    world = World.of(small, seed=0)
    assert world.split.kept_from.tolist() == [4, -1]
    logs = [world.training_log(person) for person in range(2)]
    assert [[event.item for event in log] for log in logs] == [["0", None, "1", None], ["0", None, "1"]]


def test_training_events_agree_with_the_training_rows_of_the_demo_world():
    demo = load("demo")
    world = World.of(demo, seed=0, strangers_share=0.0)
    for person, rows in enumerate(world.split.training):
        log = world.training_log(person)
        assert [demo.catalogue.row(event.item) for event in log if event.item in demo.catalogue] == rows.tolist()


def test_sampled_negatives_are_99_distinct_items_the_person_never_met_in_any_part():
    sequence = ["7", "8", "9", "7", "8"]
    negatives = split(dataset([sequence] * 20, items=150), seed=0).test.negatives
    assert negatives.shape == (20, 99)
    for row in negatives:
        assert len(set(row.tolist())) == 99
        assert not {7, 8, 9} & set(row.tolist())
    assert len({tuple(row) for row in negatives.tolist()}) == 20


def test_every_unmet_item_is_equally_often_a_negative():
    negatives = split(dataset([["0", "1", "2"]] * 2000, items=203), seed=0).test.negatives
    counts = np.bincount(negatives.ravel(), minlength=203)
    assert counts[:3].tolist() == [0, 0, 0]
    expected, error = 2000 * 99 / 200, np.sqrt(2000 * 0.495 * 0.505)
    assert np.abs(counts[3:] - expected).max() < 4.5 * error


def test_negatives_depend_on_the_seed_alone():
    small = dataset([["0", "1", "2"]] * 3, items=200)
    assert (split(small, 1).test.negatives == split(small, 1).test.negatives).all()
    assert (split(small, 1).test.negatives != split(small, 2).test.negatives).any()


def test_fewer_negatives_are_filled_up_with_minus_one():
    negatives = split(dataset([["0", "1", "2"]], items=5), seed=0).test.negatives[0]
    assert sorted(negatives[:2].tolist()) == [3, 4]
    assert (negatives[2:] == -1).all()


def test_published_negatives_are_used_as_they_are():
    small = dataset([["0", "1", "2"], ["0", "1", "2"]], items=200, negatives={"p1": ("9", "5", "7")})
    negatives = split(small, seed=0).test.negatives
    assert negatives[1, :4].tolist() == [9, 5, 7, -1]
    assert (negatives[0] >= 0).all()


def test_strangers_are_asked_and_not_learnt_from():
    parts = split(dataset([["0", "1", "2"], ["3", "1", "2"]], items=4), seed=0).without(np.asarray([True, False]))
    assert parts.counts().tolist() == [0.0, 0.0, 0.0, 1.0]
    assert parts.test.people.tolist() == [0, 1]
    assert parts.test.histories[0].tolist() == [0, 1]


def shown_lists():
    impressions = (
        Impression(0, 10.0, ("0", "1", "unknown"), ("5", "3", "4"), (False, True, True)),
        Impression(1, 11.0, (), ("3", "5"), (True, False)),
    )
    sequences = [["0", "1", "2"], ["1"]]
    return dataset(sequences, items=120, impressions=impressions, shown={(0, 2): ("4", "5", "unknown")})


def test_with_shown_lists_these_are_the_test_and_the_first_click_is_the_target():
    test = split(shown_lists(), seed=0).test
    assert test.people.tolist() == [0, 1]
    assert [history.tolist() for history in test.histories] == [[0, 1], []]
    assert test.targets.tolist() == [3, 3]
    assert test.lists[0].candidates.tolist() == [5, 3, 4]
    assert test.lists[0].clicked.tolist() == [False, True, True]


def test_with_shown_lists_negatives_hold_nothing_the_person_met_or_clicked():
    negatives = split(shown_lists(), seed=0).test.negatives
    assert not {0, 1, 2, 3, 4} & set(negatives[0].tolist())
    assert (negatives >= 0).all()


def test_with_shown_lists_the_validation_is_the_last_event_among_those_shown_beside_it():
    small = shown_lists()
    parts = split(small, seed=0)
    assert [rows.tolist() for rows in parts.training] == [[0, 1], [1]]
    assert parts.validation.people.tolist() == [0]
    assert parts.validation.targets.tolist() == [2]
    assert parts.validation.lists[0].candidates.tolist() == [2, 4, 5]
    assert parts.validation.lists[0].clicked.tolist() == [True, False, False]
    log = World.of(small, seed=0).training_log(0)
    assert [event.item for event in log] == ["0", "1"]


def test_with_shown_lists_the_target_is_the_first_new_click():
    impressions = (Impression(0, 10.0, ("5", "1"), ("5", "3", "4"), (True, True, False)),)
    test = split(dataset([["5", "1"]], items=120, impressions=impressions), seed=0).test
    assert test.targets.tolist() == [3]


def test_of_more_people_than_can_be_asked_some_are_and_the_same_is_kept_out_of_all_training(monkeypatch):
    people = dataset([["0", "1", "2"]] * 8 + [["3"]], items=5)
    everybody = split(people, seed=0)
    monkeypatch.setattr(sys.modules[split.__module__], "_MOST_ASKED", 3)
    some = split(people, seed=0)
    assert len(some.test) == 3 < len(everybody.test) == 8
    assert some.test.people.tolist() == some.validation.people.tolist() == sorted(set(some.test.people.tolist()))
    assert some.kept_from.tolist() == everybody.kept_from.tolist()
    assert some.counts().tolist() == everybody.counts().tolist()
