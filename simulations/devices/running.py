"""Runs the Flower app of one simulated device on one message, in this process or in another."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from flwr.app import Context, Error, Message, RecordDict
from flwr.app.user_config import UserConfigValue
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode

from simulations.devices.device_states import decode_state, encode_state

_LOGGER = logging.getLogger(__name__)


class DeviceQuestion(NamedTuple):
    """A question on its way into a device.

    Attributes:
        device: its index.
        devices: how many there are.
        message: what it is asked.
        state: what it keeps, as `encode_state` writes it.
        run_id: of the run.
        run_config: what its app finds in its context.
    """

    device: int
    devices: int
    message: Message
    state: bytes
    run_id: int
    run_config: Mapping[str, UserConfigValue]

    def __repr__(self) -> str:
        return f"DeviceQuestion(device {self.device})"


class DeviceAnswer(NamedTuple):
    """What a device replies, and what it keeps from then on."""

    message: Message
    state: bytes

    def __repr__(self) -> str:
        return f"DeviceAnswer({len(self.state)} bytes kept)"


AnswerTogether = Callable[[Sequence[DeviceQuestion]], Sequence[DeviceAnswer]]
"""Runs several devices, in whatever processes, and gives their answers in the order of the questions."""


def run_app(
    app: ClientApp,
    question: Message,
    state: RecordDict,
    device: int,
    devices: int,
    run_id: int,
    run_config: Mapping[str, UserConfigValue],
) -> tuple[Message, RecordDict]:
    """The reply of a device's app, or the error reply that Flower makes of what it raises; and what the device keeps.

    Args:
        app: of the device.
        question: the message.
        state: what the device has kept; may be changed in place.
        device: its index.
        devices: how many there are.
        run_id: of the run.
        run_config: what the app finds in its context.
    """
    context = Context(
        run_id=run_id,
        node_id=question.metadata.dst_node_id,
        node_config={"partition-id": device, "num-partitions": devices},
        state=state,
        run_config=dict(run_config),
    )
    try:
        reply = app(question, context)
    except Exception as error:
        # The error's words may quote what the device holds: the log gets them only where debugging was asked for.
        _LOGGER.error(
            "device-failed device=%d type=%s error=%s", device, question.metadata.message_type, type(error).__name__
        )
        _LOGGER.debug("device-failed device=%d", device, exc_info=True)
        reason = f"{type(error)}:<'{error}'>"
        reply = Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=question)
    return reply, context.state


def answer_question(app: ClientApp, asked: DeviceQuestion) -> DeviceAnswer:
    """Run one device, in whatever process this is."""
    kept = decode_state(asked.state)
    reply, after = run_app(app, asked.message, kept, asked.device, asked.devices, asked.run_id, asked.run_config)
    return DeviceAnswer(reply, encode_state(after))
