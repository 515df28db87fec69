"""The Flower ClientApp: routes each message to the device, nothing else. What fails inside leaves no word behind."""

import logging
import traceback
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from client.secagg import RoundRequest, Value
from shared.arrays import F32Vector
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.tasks import TASKS

_LOGGER = logging.getLogger(__name__)


# What each later phase of the secure sum brings, in the order of the arguments of the device's role.
PHASES = {"share": ("roster",), "mask": ("u1", "inbox"), "agree": ("u2", "signatures"), "unmask": ("agreements",)}


class RoundParticipant(Protocol):
    """What answers messages: `client.Device`, or what stands for it in a process that must not train."""

    @property
    def identity(self) -> str:
        """Public id, hexadecimal."""
        ...

    def plain(self, request: RoundRequest, vector: F32Vector | None) -> F32Vector:
        """A summand in the open, float32 [d]."""
        ...

    def advertise(self, request: RoundRequest, vector: F32Vector | None, configuration: bytes) -> bytes:
        """The advert of phase 0."""
        ...

    def reveal(self, ch: bytes, cohort: int) -> bytes:
        """The words of the ideal sum."""
        ...

    def phase(self, name: str, ch: bytes, parts: Sequence[bytes]) -> bytes:
        """The answer to a later phase of the secure sum."""
        ...


OpenDevice = Callable[[Context], RoundParticipant]


class NodeState(MutableMapping[str, Value]):
    """One record of named values in a Flower node's own state, which never leaves the node."""

    def __init__(self, context: Context, name: str) -> None:
        if name not in context.state:
            context.state[name] = ConfigRecord()
        record = context.state[name]
        if not isinstance(record, ConfigRecord):
            raise RuntimeError(f"state {name}: expected a record of values, got {type(record).__name__}")
        self._record = record

    def __getitem__(self, key: str) -> Value:
        value = self._record[key]
        if not isinstance(value, int | float | str | bytes):
            raise RuntimeError(f"state: expected a number, text or bytes, got {type(value).__name__}")
        return value

    def __setitem__(self, key: str, value: Value) -> None:
        self._record[key] = value

    def __delitem__(self, key: str) -> None:
        del self._record[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record)

    def __len__(self) -> int:
        return len(self._record)


def make_client_app(open_device: OpenDevice) -> ClientApp:
    """A ClientApp whose every message goes to the device that `open_device` gives for the message's node."""
    app = ClientApp()

    @app.query("hello")
    def hello(message: Message, context: Context) -> Message:
        return _answer(message, lambda: ("device", ConfigRecord({"id": open_device(context).identity})))

    @app.train("join")
    def advertise(message: Message, context: Context) -> Message:
        def advert() -> tuple[str, ConfigRecord]:
            configuration = _bytes(message.content, "configuration")
            return _part(open_device(context).advertise(_request(message), _vector(message), configuration))

        return _answer(message, advert)

    @app.query("reveal")
    def reveal(message: Message, context: Context) -> Message:
        def words() -> tuple[str, ConfigRecord]:
            cohort = message.content.config_records["sum"]["cohort"]
            if not isinstance(cohort, int):
                raise Corrupt("reveal: expected a whole number of members, got something else")
            return _part(open_device(context).reveal(_bytes(message.content, "round"), cohort))

        return _answer(message, words)

    for phase, parts in PHASES.items():
        app.query(phase)(_phase_handler(open_device, phase, parts))

    @app.train("plain")
    def plain(message: Message, context: Context) -> Message:
        def summand() -> tuple[str, ArrayRecord]:
            return "summand", ArrayRecord(
                {"vector": Array(open_device(context).plain(_request(message), _vector(message)))}
            )

        return _answer(message, summand)

    return app


def _phase_handler(
    open_device: OpenDevice, phase: str, names: tuple[str, ...]
) -> Callable[[Message, Context], Message]:
    def handle(message: Message, context: Context) -> Message:
        def answer() -> tuple[str, ConfigRecord]:
            parts = [_bytes(message.content, name) for name in names]
            return _part(open_device(context).phase(phase, _bytes(message.content, "round"), parts))

        return _answer(message, answer)

    return handle


def _request(message: Message) -> RoundRequest:
    record = message.content.config_records["round"]
    task, groups = record["task"], record.get("groups", [])
    if task not in TASKS:
        raise Corrupt(f"round: expected a task out of {TASKS}, got another")
    return RoundRequest(
        task,
        str(record["federation"]),
        str(record["release"]),
        int(record["round"]),  # type: ignore[arg-type]
        tuple(str(group) for group in groups) if isinstance(groups, list) else (),
    )


def _vector(message: Message) -> F32Vector | None:
    if "model" not in message.content.array_records:
        return None
    return np.asarray(message.content.array_records["model"]["vector"].numpy(), np.float32)


def _bytes(content: RecordDict, name: str) -> bytes:
    value = content.config_records["sum"].get(name)
    if not isinstance(value, bytes):
        raise Corrupt(f"message: expected bytes under {name}, got something else")
    return value


def _part(content: bytes) -> tuple[str, ConfigRecord]:
    return "sum", ConfigRecord({"message": content})


def _answer(message: Message, record: Callable[[], tuple[str, ConfigRecord | ArrayRecord]]) -> Message:
    try:
        return _reply(message, *record())
    except (NotYet, Refused) as reason:
        status = "not-yet" if isinstance(reason, NotYet) else "refused"
        _LOGGER.info("%s: %s: %s", message.metadata.message_type, status, reason)
        return _reply(message, "answer", ConfigRecord({"status": status}))
    except (Misconfigured, Corrupt) as reason:
        # Flower puts an exception's text into the reply; ours could quote what the device holds.
        _LOGGER.warning("%s: %s", message.metadata.message_type, reason)
        raise type(reason)("this device cannot answer as it is set up; its own log says why") from None
    except Exception as error:
        # Its text may quote the person's words, so the device's own log has the place and the kind of it only.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        _LOGGER.error("%s: failed: %s at %s", message.metadata.message_type, type(error).__name__, where)
        raise RuntimeError("the device failed; its own log says why") from None


def _reply(message: Message, name: str, record: ConfigRecord | ArrayRecord) -> Message:
    return Message(RecordDict({name: record}), reply_to=message)


def _open_installed_device(context: Context) -> RoundParticipant:
    """What a bundle that Flower itself unpacked would come to: a person's device never runs one."""
    raise Misconfigured("a person's device answers through `hushrec-device up`, not through an app that Flower started")


app = make_client_app(_open_installed_device)
