"""What the audit of answers compares apart from times: alike for every log, and not where failures get out."""

import pytest

from shared.tasks import TASKS
from simulations.audits.log_independence import answers_of, keep, let_out, made_up_logs, settled_ground


@pytest.fixture(scope="module")
def ground():
    return settled_ground()


@pytest.mark.parametrize("task", TASKS)
def test_answers_look_alike_and_cost_the_same_for_every_log(ground, task):
    assert len(answers_of(ground, task, made_up_logs(ground, 0), 0, keep)) == 1


@pytest.mark.parametrize("task", TASKS)
def test_a_device_whose_failures_get_out_is_told_apart(ground, task):
    assert len(answers_of(ground, task, made_up_logs(ground, 0), 0, let_out)) > 1
