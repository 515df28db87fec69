"""A round is held against the federation before anything else: its number, its groups, its parameters."""

import numpy as np
import pytest

from client.requested import check_asked
from client.secagg import RoundRequest
from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.tasks import TASK_ROWS, TASKS

FILE = read_federation(settings=["training.rounds=20", "evaluation.every_rounds=5"])


def request(task, number, groups=None):
    asked = FILE.trained_groups if task == "update" and groups is None else groups or ()
    return RoundRequest(task, FILE.digest(), "release", number, asked)


@pytest.mark.parametrize("task", TASKS)
def test_every_round_of_the_federation_may_be_asked(task):
    rounds = TASK_ROWS[task].rounds(FILE)
    assert len(rounds) == {"update": 20, "statistics": 1, "evaluation": 5}[task]
    for number in rounds:
        check_asked(request(task, number), FILE)


@pytest.mark.parametrize(
    ("task", "number"),
    [("update", 0), ("update", 21), ("update", 2**63), ("statistics", 1), ("evaluation", 4), ("evaluation", 25)],
)
def test_a_round_that_the_federation_does_not_ask_is_refused(task, number):
    with pytest.raises(Misconfigured, match=f"round {number} of {task}: expected one of"):
        check_asked(request(task, number, FILE.trained_groups if task == "update" else ()), FILE)


def test_a_federation_that_never_evaluates_asks_for_no_evaluation():
    never = read_federation(settings=["evaluation.every_rounds=0"])
    with pytest.raises(Misconfigured, match="expected no such round at all"):
        check_asked(RoundRequest("evaluation", never.digest(), "release", 10), never)


@pytest.mark.parametrize("groups", [(), ("scales",), ("bias",), ("adapters",), ("scales", "transitions")])
def test_other_groups_than_the_federation_trains_are_refused(groups):
    with pytest.raises(Misconfigured, match="round 1 of update: expected the groups"):
        check_asked(request("update", 1, groups), FILE)


def test_groups_are_of_updates_alone():
    with pytest.raises(Misconfigured, match="expected the groups none, got scales"):
        check_asked(request("statistics", 0, ("scales",)), FILE)


def test_no_number_beyond_the_federation_can_lock_a_task():
    """The fault: a number of 2^63 was taken once, and every later round was answered already."""
    numbers = np.random.default_rng(0).integers(21, 2**63, 200, dtype=np.int64)
    for number in numbers.tolist():
        with pytest.raises(Misconfigured):
            check_asked(request("update", number, FILE.trained_groups), FILE)
