"""The Fleet API of a SuperLink that a test runs: honest, until the test changes an answer."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeResponse,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedResponse,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.run_pb2 import GetRunResponse, Run
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree, iterate_object_tree
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

from shared.enrolment import MailAnswer
from tests.support.gateways import Asked, Gateway, Reply

NODE, RUN = 7, 5


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


class SuperLink:
    """Hands out the messages it is given, and keeps the replies.

    Attributes:
        bundle: hash of the app that it says its runs were started with.
        present: whether it takes the node for present already.
        replies: what came back, whole.
        heads: what came back first: metadata, and the error where it is one.
        calls: what was asked, in order.
    """

    def __init__(self, gateway: Gateway, bundle: str) -> None:
        self.bundle, self.present = bundle, False
        self.waiting: list[Message] = []
        self.replies: list[Message] = []
        self.heads: list[Message] = []
        self.calls: list[str] = []
        self.instead: dict[str, Callable[[Asked], Reply]] = {}
        self._objects: dict[str, bytes] = {}
        self._coming: dict[str, bytes] = {}
        self._awaited: list[Any] = []
        gateway.answers["/v1/fleet/"] = self._answer
        gateway.answers["/v1/mail"] = self._tell

    def send(self, message: Message) -> None:
        """Have a message pulled next."""
        self.waiting.append(message)
        self._objects |= {name: part.deflate() for name, part in get_all_nested_objects(message).items()}

    def _tell(self, asked: Asked) -> Reply:
        told = MailAnswer(mail=bool(self.waiting), present=True, publications=0, revocations=0)
        return Reply(told.encode())

    def _answer(self, asked: Asked) -> Reply:
        call = asked.path.rpartition("/")[2]
        self.calls.append(call)
        if call in self.instead:
            return self.instead[call](asked)
        answer = getattr(self, "_" + call.replace("-", "_"))(asked.body)
        return answer if isinstance(answer, Reply) else Reply(answer.SerializeToString())

    def _activate_node(self, body: bytes) -> Any:
        assert ActivateNodeRequest.FromString(body).public_key
        if self.present:
            return Reply(b"", 412)
        self.present = True
        return ActivateNodeResponse(node_id=NODE)

    def _deactivate_node(self, body: bytes) -> Any:
        self.present = False
        return DeactivateNodeResponse()

    def _send_node_heartbeat(self, body: bytes) -> Any:
        return SendNodeHeartbeatResponse(success=SendNodeHeartbeatRequest.FromString(body).node.node_id == NODE)

    def _pull_messages(self, body: bytes) -> Any:
        if not self.waiting:
            return PullMessagesResponse()
        message = self.waiting.pop(0)
        return PullMessagesResponse(
            messages_list=[message_to_proto(remove_content_from_message(message))],
            message_object_trees=[get_object_tree(message)],
        )

    def _get_run(self, body: bytes) -> Any:
        return GetRunResponse(run=Run(fab_hash=self.bundle))

    def _pull_object(self, body: bytes) -> Any:
        content = self._objects.get(PullObjectRequest.FromString(body).object_id)
        return PullObjectResponse(
            object_found=content is not None, object_available=content is not None, object_content=content or b""
        )

    def _confirm_message_received(self, body: bytes) -> Any:
        return ConfirmMessageReceivedResponse()

    def _push_messages(self, body: bytes) -> Any:
        request = PushMessagesRequest.FromString(body)
        assert list(request.clientapp_runtime_list) == [0.0]
        self.heads.append(message_from_proto(request.messages_list[0]))
        tree = request.message_object_trees[0]
        self._coming, self._awaited = {}, [part.object_id for part in iterate_object_tree(tree)]
        return PushMessagesResponse(objects_to_push=self._awaited, session_id="s")

    def _push_object(self, body: bytes) -> Any:
        request = PushObjectRequest.FromString(body)
        self._coming[request.object_id] = request.object_content
        if set(self._coming) == set(self._awaited):
            reply = inflate_object_from_contents(self._awaited[-1], dict(self._coming))
            assert isinstance(reply, Message)
            self.replies.append(reply)
        return PushObjectResponse(stored=True)
