"""The Flower ClientApp: routes each message to the device, nothing else. What fails inside leaves no word behind."""

import logging
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from client.device import Device, RoundRequest
from shared.errors import Corrupt, Misconfigured, NotYet, Refused
from shared.model import Vector

_LOGGER = logging.getLogger(__name__)

OpenDevice = Callable[[Context], Device]


class NodeState(MutableMapping[str, str]):
    """Text values in a Flower node's own state, which never leaves the node."""

    def __init__(self, context: Context) -> None:
        if "device" not in context.state:
            context.state["device"] = ConfigRecord()
        record = context.state["device"]
        assert isinstance(record, ConfigRecord)
        self._record = record

    def __getitem__(self, key: str) -> str:
        return str(self._record[key])

    def __setitem__(self, key: str, value: str) -> None:
        self._record[key] = value

    def __delitem__(self, key: str) -> None:
        del self._record[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record)

    def __len__(self) -> int:
        return len(self._record)


def make_app(open_device: OpenDevice) -> ClientApp:
    """A ClientApp whose every message goes to the device that `open_device` gives for the message's node."""
    app = ClientApp()

    @app.query("hello")
    def hello(message: Message, context: Context) -> Message:
        return _answer(message, lambda: ("device", ConfigRecord({"id": open_device(context).identity})))

    @app.train("update")
    def update(message: Message, context: Context) -> Message:
        record = message.content.array_records["model"]
        vector = np.asarray(record["vector"].numpy(), np.float32)
        return _answer(message, lambda: _summand(open_device(context).update(_request(message), vector)))

    @app.query("statistics")
    def statistics(message: Message, context: Context) -> Message:
        return _answer(message, lambda: _summand(open_device(context).statistics(_request(message))))

    return app


def _request(message: Message) -> RoundRequest:
    record = message.content.config_records["round"]
    groups = record.get("groups", [])
    return RoundRequest(
        str(record["federation"]),
        str(record["release"]),
        int(record["round"]),  # type: ignore[arg-type]
        tuple(str(group) for group in groups) if isinstance(groups, list) else (),
    )


def _summand(vector: Vector) -> tuple[str, ArrayRecord]:
    return "summand", ArrayRecord({"vector": Array(vector)})


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


def _open_installed_device(context: Context) -> Device:
    """Open the device whose home the node's configuration names."""
    home = context.node_config.get("home")
    if not isinstance(home, str):
        raise Misconfigured('node configuration: expected home="FOLDER of this device", got none')
    raise Misconfigured(f"device {Path(home)}: this version runs devices inside simulations only")


app = make_app(_open_installed_device)
