"""Messages of Flower without its server: what a node would get, and a task for Flower's stamps."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

NODE, RUN = 7, 5


@pytest.fixture(autouse=True)
def _a_task_of_flower():
    TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = RUN, 1, 1


def question(kind: str, federation: str = "f" * 64, release: str = "e" * 64, task: str = "update") -> Message:
    """A message of this kind with all that any kind brings."""
    content = RecordDict(
        {
            "round": ConfigRecord(
                {"task": task, "federation": federation, "release": release, "round": 4, "groups": ["dense"]}
            ),
            "sum": ConfigRecord(
                {"configuration": b"c", "round": b"h", "cohort": 9, "roster": b"r", "u1": b"1", "inbox": b"i"}
                | {"u2": b"2", "signatures": b"s", "agreements": b"a"}
            ),
            "model": ArrayRecord({"vector": Array(np.arange(5, dtype=np.float32))}),
        }
    )
    message = Message(content, dst_node_id=NODE, message_type=kind)
    message.metadata.__dict__["_message_id"] = message.object_id
    return message
