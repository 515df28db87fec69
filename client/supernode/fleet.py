"""Flower's Fleet API as one registered node speaks it, with every answer bounded and checked before it is read.

It takes messages and gives replies back. It never fetches the app that a server ships with a run.
"""

import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.app.message import remove_content_from_message
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL, TIMESTAMP_HEADER
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeRequest,
    DeactivateNodeResponse,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    ObjectTree,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest, GetRunResponse
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_id,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message
from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata

from client.gateway import GatewayClient
from shared.enrolment import MailAnswer
from shared.errors import Corrupt, NotYet, Refused
from shared.files import write_atomically


class RawRequest(Protocol):
    """A protobuf message that is sent."""

    def SerializeToString(self, *, deterministic: bool) -> bytes:
        """Its bytes."""
        ...


class RawResponse(Protocol):
    """A protobuf message that is read."""

    def ParseFromString(self, content: bytes) -> int:
        """Take bytes over."""
        ...


Response = TypeVar("Response", bound=RawResponse)

HEARTBEAT_SECONDS = 0.6 * HEARTBEAT_DEFAULT_INTERVAL  # the server waits for two of its intervals
_PROTOBUF = "application/protobuf"
_LARGEST_ANSWER = 2**20
_LARGEST_MESSAGE = 128 * 2**20
_MOST_OBJECTS = 4_096
_LONGEST_PULL_SECONDS = 60.0
_OBJECT_WAIT_SECONDS = 0.1
_FINAL = frozenset({400, 404, 405, 413, 415})  # to ask the same again would give the same


class FleetClient:
    """One node of a SuperLink. The heartbeat may be sent from another thread."""

    def __init__(self, gateway: GatewayClient, node_key: ec.EllipticCurvePrivateKey, known_as: Path) -> None:
        """Set a node up; it is not activated yet.

        Args:
            gateway: of the server, through which the SuperLink is reached.
            node_key: signs this node's requests to the SuperLink.
            known_as: file that keeps the number the server gave this node, for a process that comes after a killed one.
        """
        self._gateway, self._key, self._known_as = gateway, node_key, known_as
        self._public_key = public_key_to_bytes(node_key.public_key())
        self._version = dict(RuntimeVersionMetadata.from_local_component("SuperNode").as_metadata())
        self._node: Node | None = None

    def __repr__(self) -> str:
        return f"FleetClient({self._gateway!r})"

    def activate(self) -> None:
        """Say that this node is there.

        After a process that was killed, the server takes the node for present until it has missed it for a minute; it
        is then taken up under the number it had.

        Raises:
            NotYet: the server cannot be reached, or an earlier process of this device still counts as present.
            Refused: it does not know this node.
        """
        request = ActivateNodeRequest(public_key=self._public_key, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        try:
            number = self._ask("activate-node", request, ActivateNodeResponse).node_id
        except _StillPresent:
            earlier = _number_in(self._known_as)
            if earlier is None:
                raise
            self._node = Node(node_id=earlier)
            self.heartbeat()
            return
        self._node = Node(node_id=number)
        write_atomically(self._known_as, str(number).encode())

    def deactivate(self) -> None:
        """Say that this node goes away, so that nobody waits for it."""
        if self._node is not None:
            request = DeactivateNodeRequest(node_id=self._node.node_id)
            self._node = None
            self._ask("deactivate-node", request, DeactivateNodeResponse)

    def heartbeat(self) -> None:
        """Say that this node is still there.

        Raises:
            NotYet: the server cannot be reached, or takes this node for another one.
            Refused: it does not know it any more.
        """
        request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        if not self._ask("send-node-heartbeat", request, SendNodeHeartbeatResponse).success:
            raise NotYet("heartbeat: the server did not take it")

    def wait_for_mail(self, within_seconds: int) -> MailAnswer:
        """What the gateway says when a message waits for this node, or after so many seconds without one, or sooner.

        Raises:
            NotYet, Refused, Corrupt: see `GatewayClient.get`; or it is no such answer.
        """
        path = f"/v1/mail?within={within_seconds}"
        return MailAnswer.decode(self._gateway.get(path, MailAnswer.largest_bytes, within_seconds))

    def pull(self) -> "Incoming | None":
        """The next message for this node, of which only the head is fetched; None when there is none.

        Raises:
            NotYet, Refused, Corrupt: see `_ask`; or it is no message for this node.
        """
        answer = self._ask("pull-messages", PullMessagesRequest(node=self._node), PullMessagesResponse)
        if not answer.messages_list:
            return None
        if len(answer.messages_list) != 1 or len(answer.message_object_trees) != 1 or self._node is None:
            raise Corrupt("fleet: expected one message with one tree, got others")
        head = _read("head of a message", lambda: message_from_proto(answer.messages_list[0]))
        tree = answer.message_object_trees[0]
        if head.metadata.dst_node_id != self._node.node_id or head.metadata.message_id != tree.object_id:
            raise Corrupt("fleet: expected a message for this node with the tree of it, got another")
        return Incoming(head, tree)

    def bundle_of(self, run: int) -> str:
        """The hash of the app bundle that a run was started with, as the server has it.

        Raises:
            Refused: the run is over.
        """
        return str(self._ask("get-run", GetRunRequest(node=self._node, run_id=run), GetRunResponse).run.fab_hash)

    def content(self, incoming: "Incoming") -> Message:
        """Fetch all of a message.

        Raises:
            Corrupt: an object is not what it is named after, there are too many or too large ones, or it is no message.
            NotYet: an object did not come in time.
            Refused: the run is over.
        """
        head, tree = incoming.head, incoming.tree
        run = head.metadata.run_id
        names = list(dict.fromkeys(part.object_id for part in iterate_object_tree(tree)))
        if len(names) > _MOST_OBJECTS:
            raise Corrupt(f"message: expected at most {_MOST_OBJECTS} objects, got {len(names)}")
        contents: dict[str, bytes] = {}
        left, end = _LARGEST_MESSAGE, time.monotonic() + _LONGEST_PULL_SECONDS
        for name in names:
            contents[name] = self._object(run, name, left, end)
            left -= len(contents[name])
        self._ask(
            "confirm-message-received",
            ConfirmMessageReceivedRequest(node=self._node, run_id=run, message_object_id=tree.object_id),
            ConfirmMessageReceivedResponse,
        )
        message = _read("message", lambda: inflate_object_from_contents(tree.object_id, contents))
        if not isinstance(message, Message) or not message.has_content():
            raise Corrupt("message: expected one with content, got something else")
        _name(message, tree.object_id)
        if (message.metadata.run_id, message.metadata.dst_node_id) != (run, head.metadata.dst_node_id):
            raise Corrupt("message: expected what its head says, got another run or node")
        return message

    def push(self, reply: Message, question: Message) -> None:
        """Give a reply back. How long the work took is not said: its times are those of the question.

        Raises:
            NotYet, Corrupt: see `_ask`; or the server did not store it.
            Refused: the run is over.
        """
        reply.metadata.created_at, reply.metadata.ttl = question.metadata.created_at, question.metadata.ttl
        _name(reply, reply.object_id)
        with no_object_id_recompute():
            tree, objects = get_object_tree(reply), get_all_nested_objects(reply)
            answer = self._ask(
                "push-messages",
                PushMessagesRequest(
                    node=self._node,
                    messages_list=[message_to_proto(remove_content_from_message(reply))],
                    message_object_trees=[tree],
                    clientapp_runtime_list=[0.0],
                ),
                PushMessagesResponse,
            )
            for name in answer.objects_to_push:
                if name not in objects:
                    raise Corrupt("fleet: expected to be asked for objects of the reply, got another name")
                request = PushObjectRequest(
                    node=self._node,
                    run_id=reply.metadata.run_id,
                    object_id=name,
                    object_content=objects[name].deflate(),
                    session_id=answer.session_id,
                )
                if not self._ask("push-object", request, PushObjectResponse).stored:
                    raise NotYet("fleet: the server did not store the reply")

    def _object(self, run: int, name: str, largest_bytes: int, end: float) -> bytes:
        request = PullObjectRequest(node=self._node, run_id=run, object_id=name)
        while True:
            answer = self._ask("pull-object", request, PullObjectResponse, largest_bytes + _LARGEST_ANSWER)
            if not answer.object_found:
                raise Corrupt("message: expected all of its objects at the server, one is missing")
            if answer.object_available:
                content = bytes(answer.object_content)
                if len(content) > largest_bytes:
                    raise Corrupt(f"message: expected at most {_LARGEST_MESSAGE} bytes, got more")
                if get_object_id(content) != name:
                    raise Corrupt("message: expected an object that its name is the hash of, got another")
                return content
            if time.monotonic() > end:
                raise NotYet("message: its objects did not come in time")
            time.sleep(_OBJECT_WAIT_SECONDS)

    def _ask(
        self, call: str, request: RawRequest, response: type[Response], largest_bytes: int = _LARGEST_ANSWER
    ) -> Response:
        """One call.

        Raises:
            NotYet: the server cannot be reached or cannot answer now.
            Refused: it does not know this node, or the run is over.
            Corrupt: the answer is none, or the server says that the question is none.
        """
        path = f"/v1/fleet/{call}"
        headers = {"content-type": _PROTOBUF, "accept": _PROTOBUF, **self._version, **self._signed()}
        status, body, clock = self._gateway.exchange(
            path, request.SerializeToString(deterministic=True), headers, largest_bytes
        )
        if status in (401, 403):
            raise Refused(
                f"{call}: the server refuses (status {status}): it does not know this device, or the run is over"
                f"{clock}",
                code="server-refuses",
            )
        if status == 412:
            raise _StillPresent(
                f"{call}: the server still takes an earlier process of this device for present; it lets go of it after "
                "about a minute"
            )
        if status in _FINAL:
            raise Corrupt(
                f"{call}: the server says that this is no such call (status {status}), now and later; both sides have "
                "to run the same version of Hushrec"
            )
        if status != 200:
            raise NotYet(f"{call}: the server cannot answer this now (status {status})")
        answer = response()
        _read(f"answer to {call}", lambda: answer.ParseFromString(body))
        return answer

    def _signed(self) -> dict[str, str]:
        """What proves that this node asks, now."""
        moment = datetime.now(UTC).isoformat()
        return {
            FLEET_HTTP_PUBLIC_KEY_HEADER: b64encode(self._public_key).decode("ascii"),
            TIMESTAMP_HEADER: moment,
            FLEET_HTTP_SIGNATURE_HEADER: b64encode(sign_message(self._key, moment.encode("ascii"))).decode("ascii"),
        }


class _StillPresent(NotYet):
    """An earlier process of this device has not been missed yet."""


class Incoming:
    """A message of which only the head is here."""

    def __init__(self, head: Message, tree: ObjectTree) -> None:
        self.head, self.tree = head, tree

    def __repr__(self) -> str:
        return f"Incoming(run {self.head.metadata.run_id})"


Read = TypeVar("Read")


def _read(what: str, reading: Callable[[], Read]) -> Read:
    """What Flower makes of bytes from outside, where it raises anything at all."""
    try:
        return reading()
    except Exception:
        raise Corrupt(f"{what}: expected one of Flower's, got something else") from None


def _number_in(path: Path) -> int | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return int(content) if content.isdigit() and len(content) <= 20 and int(content) < 2**64 else None


def _name(message: Message, object_id: str) -> None:
    """A message's id is the hash of its content, which the content cannot hold."""
    message.metadata.__dict__["_message_id"] = object_id
