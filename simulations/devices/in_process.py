"""A Flower grid whose nodes live in this process: the unmodified ServerApp and ClientApp meet without a server or Ray.

It never runs two devices at once, draws no chance of its own and reads no clock, so a run is the same every time.
"""

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal

from flwr.app import ArrayRecord, Error, Message, Metadata, RecordDict
from flwr.app.message import make_message
from flwr.app.user_config import UserConfigValue
from flwr.clientapp import ClientApp
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.serverapp import Grid
from flwr.supercore.date import now
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from shared.errors import Misconfigured
from simulations.devices.device_states import DeviceStates, decode_state, encode_state
from simulations.devices.dropouts import Dropouts, Fate
from simulations.devices.running import AnswerTogether, DeviceAnswer, DeviceQuestion, run_app

Fidelity = Literal["copy", "wire"]

_AT_ONCE = 256  # questions handed out together where devices answer in several processes


class InProcessGrid(Grid):
    """Answers a question when its reply is pulled, one device at a time, in the order in which questions were pushed.

    A push ends the exchange before it: devices whose reply nobody pulled finish first, and their replies are lost, as
    those of late devices are.
    """

    def __init__(
        self,
        client_app: ClientApp,
        devices: int,
        *,
        seed: int = 0,
        fidelity: Fidelity = "copy",
        dropouts: Dropouts | None = None,
        states: DeviceStates | None = None,
        run_config: Mapping[str, UserConfigValue] | None = None,
        answer_together: AnswerTogether | None = None,
    ) -> None:
        """Set up nodes that answer with `client_app`.

        Args:
            client_app: the app of every device.
            devices: how many nodes; each finds its index in its node configuration as "partition-id".
            seed: gives run and node ids.
            fidelity: "copy" hands over copies of records; "wire" serialises every message and state, as a network does.
            dropouts: which questions go unanswered; none by default.
            states: what the devices kept from an earlier run; empty by default.
            run_config: what apps find in their context.
            answer_together: runs devices in place of `client_app`, many at a time; left out, they run one by one.
        """
        if fidelity not in ("copy", "wire"):
            raise Misconfigured(f'fidelity: expected "copy" or "wire", got {fidelity!r}')
        self._app = client_app
        self._fidelity = fidelity
        self._dropouts = dropouts or Dropouts()
        self._states = states if states is not None else DeviceStates()
        self._states.settle_with(self.settle)
        self._run_config = dict(run_config or {})
        self._run = Run.create_empty(run_id=_identifier(f"run {seed}"))
        first = _identifier(f"nodes {seed}") & ~0xFFFFFFFF
        self._nodes = range(first, first + devices)
        self._waiting: dict[str, Message] = {}
        self._together = answer_together
        self._answers: dict[str, DeviceAnswer] = {}  # to questions that still wait for their reply to be pulled
        self._messages = 0
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = self._run.run_id, 1, SUPERLINK_NODE_ID

    def __repr__(self) -> str:
        return f"InProcessGrid({len(self._nodes)} devices, {self._fidelity})"

    def device_of(self, node: int) -> int:
        """Index of the device behind a node."""
        return self._nodes.index(node)

    def node_of(self, device: int) -> int:
        """The node of a device."""
        return self._nodes[device]

    def set_run(self, run: Run) -> None:
        """See `Grid`."""
        self._run = run

    @property
    def run(self) -> Run:
        """See `Grid`."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """See `Grid`."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        """See `Grid`: all nodes, in the order of their devices."""
        return list(self._nodes)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """See `Grid`. The questions wait until their replies are pulled."""
        self.settle()
        pushed = []
        for message in messages:
            message_id = self._next_id()
            message.metadata.__dict__["_message_id"] = message_id
            self._waiting[message_id] = message
            pushed.append(message_id)
        return pushed

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """See `Grid`. Runs devices up to the first that replies, and returns that one reply."""
        wanted = message_ids if isinstance(message_ids, AbstractSet) else set(message_ids)
        while (message_id := self._first_waiting(wanted)) is not None:
            reply = self._answer(message_id)
            if reply is not None:
                return [reply]
        return []

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """See `Grid`."""
        pending = set(self.push_messages(messages))
        replies: list[Message] = []
        while arrived := self.pull_messages(pending):
            replies += arrived
        return replies

    def settle(self) -> None:
        """Let every device that still has a question finish; its reply is lost."""
        while self._waiting:
            self._answer(next(iter(self._waiting)))

    def _first_waiting(self, wanted: AbstractSet[str]) -> str | None:
        return next((message_id for message_id in self._waiting if message_id in wanted), None)

    def _answer(self, message_id: str) -> Message | None:
        """The reply that the server gets to see; None if there is never one."""
        if self._fate(self._waiting[message_id]) is Fate.ANSWERS and self._together is not None:
            self._answer_ahead()
        question = self._waiting.pop(message_id)
        fate = self._fate(question)
        if fate is Fate.SILENT:
            return None
        question.metadata.created_at = now().timestamp()  # it waited for this process, not on a network
        if fate is Fate.UNAVAILABLE:
            return self._unavailable(question)
        device = self.device_of(question.metadata.dst_node_id)
        if message_id in self._answers:
            answered = self._answers.pop(message_id)
            reply = answered.message
            self._states.put_content(device, answered.state)
        else:
            reply = self._run_device(device, self._transport(question))
        reply.metadata.__dict__["_message_id"] = self._next_id()
        return self._transport(reply)

    def _fate(self, question: Message) -> Fate:
        metadata = question.metadata
        if metadata.dst_node_id not in self._nodes:
            return Fate.UNAVAILABLE
        return self._dropouts.fate(metadata.group_id, metadata.message_type, self.device_of(metadata.dst_node_id))

    def _answer_ahead(self) -> None:
        """Have the devices of the first questions that wait answer together, unless they have."""
        if self._together is None or not self._answers.keys().isdisjoint(self._waiting):
            return
        asked = [name for name, question in self._waiting.items() if self._fate(question) is Fate.ANSWERS][:_AT_ONCE]
        questions = []
        for message_id in asked:
            question = self._waiting[message_id]
            question.metadata.created_at = now().timestamp()
            device = self.device_of(question.metadata.dst_node_id)
            content, sent = self._states.content(device), self._transport(question)
            questions.append(
                DeviceQuestion(device, len(self._nodes), sent, content, self._run.run_id, dict(self._run_config))
            )
        self._answers = dict(zip(asked, self._together(questions), strict=True))

    def _run_device(self, device: int, question: Message) -> Message:
        state = self._states.take(device)
        if self._fidelity == "wire":
            state = decode_state(encode_state(state))
        reply, after = run_app(self._app, question, state, device, len(self._nodes), self._run.run_id, self._run_config)
        self._states.put(device, after)
        return reply

    def _unavailable(self, question: Message) -> Message:
        """As the server itself answers for a node that is gone: the reply names no device."""
        reply = Message(Error(ErrorCode.NODE_UNAVAILABLE, "Error: Node Unavailable (simulated)"), reply_to=question)
        reply.metadata.__dict__.update(
            _message_id=self._next_id(), _src_node_id=SUPERLINK_NODE_ID, _dst_node_id=SUPERLINK_NODE_ID
        )
        return reply

    def _transport(self, message: Message) -> Message:
        """The message as the other side gets it: nothing that one side changes is seen by the other."""
        if self._fidelity == "wire":
            return message_from_proto(ProtoMessage.FromString(message_to_proto(message).SerializeToString()))
        metadata = Metadata.__new__(Metadata)
        metadata.__dict__.update(message.metadata.__dict__)
        if message.has_error():
            return make_message(metadata, error=message.error)
        return make_message(metadata, content=_copy(message.content))

    def _next_id(self) -> str:
        self._messages += 1
        return f"message-{self._messages}"


def _identifier(name: str) -> int:
    """A 63-bit number that is none of the small ones Flower keeps for itself."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1 | 1 << 62


def _copy(content: RecordDict) -> RecordDict:
    """New records and new lists around the same arrays, whose bytes never change."""
    copied = RecordDict()
    for name, record in content.items():
        fresh = record.copy()
        if not isinstance(fresh, ArrayRecord):
            for key, value in fresh.items():
                if isinstance(value, list):
                    fresh[key] = value.copy()  # type: ignore[assignment]
        copied[name] = fresh
    return copied
