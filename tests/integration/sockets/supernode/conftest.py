"""A task for Flower's stamps."""

import pytest
from flwr.supercore.task_identity import TaskIdentity

from tests.support.superlinks import RUN


@pytest.fixture(autouse=True)
def _a_task_of_flower():
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = RUN, 1, 1
