"""The table of tasks holds a row for each, in words that a person can read and with bounds that hold."""

import math

import pytest

from shared.errors import Misconfigured
from shared.federation import read_federation
from shared.tasks import TASK_ROWS, TASKS


def test_every_task_has_its_row_and_no_other():
    assert tuple(TASK_ROWS) == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_a_window_moves_a_summand_by_two_vectors_at_most(task):
    for bound in (1e-3, 1.0, 1e3):
        file = read_federation(settings=[f"clipping.window_norm={bound}"])
        assert 0 < TASK_ROWS[task].window_distance_over_clip(file) <= 2.0


@pytest.mark.parametrize("task", TASKS)
def test_what_is_read_by_people_is_there(task):
    for text in (TASK_ROWS[task].sends, TASK_ROWS[task].brings, TASK_ROWS[task].plural):
        assert text[0].islower()
        assert not text.endswith(".")


def test_shares_of_all_tasks_make_the_whole_and_a_task_without_one_is_not_asked():
    privacy = read_federation(settings=["privacy.shares={statistics=0.25, evaluation=0.0}"]).privacy
    assert math.fsum(privacy.share(task) for task in TASKS) == pytest.approx(1.0)
    assert privacy.tasks == ("update", "statistics")
    assert privacy.most_answers("evaluation") == 0


def test_the_updates_share_is_not_given_but_what_the_others_leave():
    with pytest.raises(Misconfigured, match=r"privacy: expected no shares.update"):
        read_federation(settings=["privacy.shares.update=0.5"])


def test_a_task_that_nobody_knows_is_refused_by_name():
    with pytest.raises(Misconfigured, match="gossip"):
        read_federation(settings=["privacy.shares.gossip=0.1"])
    with pytest.raises(Misconfigured, match="gossip"):
        read_federation(settings=["privacy.participations.gossip=3"])
