"""A toy federation for tests: nine parameters in three groups, and devices that pull them each its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from server import Federation
from shared.federation import FederationFile, read_federation
from shared.model import Layout

LAYOUT = Layout.of([("P", "dense", (2, 2)), ("b", "bias", (2,)), ("B", "adapters", (3,))])
ITEMS = 5


def toy_client_app(behave: Callable[[int, str], str] = lambda device, task: "answer") -> ClientApp:
    """Devices known by index; everything they need is nested here, so that it can travel to other processes.

    Args:
        behave: what a device does with a task: "answer", "not-yet", "refused", "raise", or a malformed reply.
    """
    places = {block.name: (block.group, block.slice) for block in LAYOUT.blocks}
    items = ITEMS

    def answer(message: Message, context: Context, summand: Any) -> Message:
        from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

        device = int(context.node_config["partition-id"])
        record = context.state.setdefault("device", ConfigRecord({"answers": 0}))
        record["answers"] = int(record["answers"]) + 1
        what = behave(device, str(message.content["round"]["task"]) if "round" in message.content else "")
        content = RecordDict({"summand": ArrayRecord({"vector": Array(summand)})})
        if what == "raise":
            raise ValueError("the device's own secret words")
        if what in ("not-yet", "refused", "maybe"):
            content = RecordDict({"answer": ConfigRecord({"status": what})})
        if what == "status and more":
            content = RecordDict({"answer": ConfigRecord({"status": "not-yet", "why": "private"})})
        if what == "too long":
            content["summand"]["vector"] = Array(np.append(summand, np.float32(1)))
        if what == "nan":
            content["summand"]["vector"] = Array(np.full_like(summand, np.nan))
        if what == "infinite":
            content["summand"]["vector"] = Array(np.full_like(summand, np.inf))
        if what == "huge":
            content["summand"]["vector"] = Array(np.full_like(summand, 1e30))
        if what == "float64":
            content["summand"]["vector"] = Array(summand.astype(np.float64))
        if what == "matrix":
            content["summand"]["vector"] = Array(summand[None])
        if what == "extra record":
            content["metrics"] = MetricRecord({"loss": 0.5})
        if what == "extra array":
            content["summand"]["more"] = Array(summand)
        if what == "garbage":
            content["summand"]["vector"] = Array("float32", summand.shape, "numpy.ndarray", b"garbage")
        if what == "claims too much":
            data = Array(summand).data.replace(f"({len(summand)},)".encode(), b"(9999999999999,)"[:16])
            content["summand"]["vector"] = Array("float32", summand.shape, "numpy.ndarray", data)
        if what == "nothing":
            content = RecordDict()
        return Message(content, reply_to=message)

    app = ClientApp()

    @app.query("hello")
    def hello(message: Message, context: Context) -> Message:
        import hashlib

        from flwr.app import ConfigRecord, Message, RecordDict

        identity = hashlib.sha256(str(context.node_config["partition-id"]).encode()).hexdigest()
        return Message(RecordDict({"device": ConfigRecord({"id": identity})}), reply_to=message)

    @app.train("plain")
    def plain(message: Message, context: Context) -> Message:
        import numpy as np

        device = int(context.node_config["partition-id"])
        if "model" not in message.content:
            counts = np.zeros(items, np.float32)
            counts[device % items] = 1
            return answer(message, context, counts)
        vector = message.content["model"]["vector"].numpy()
        groups = message.content["round"]["groups"]
        parts = [vector[place] for group, place in places.values() if group in groups]
        own = np.sin(np.arange(sum(map(len, parts))) + device).astype(np.float32)
        return answer(message, context, own / 3 - np.concatenate(parts) / 7)

    return app


@dataclass(frozen=True)
class Toy:
    """What tests of the server and of the grids share."""

    folder: Path
    layout: Layout = LAYOUT
    items: int = ITEMS
    client_app: Callable[..., ClientApp] = toy_client_app

    def file(self, *settings: str) -> FederationFile:
        """Six rounds of four clients; no privacy, no count."""
        return read_federation(
            settings=[
                "training.rounds=6",
                "training.clients_per_round=4",
                "training.groups=['dense', 'bias', 'adapters']",
                "model.popularity=false",
                "privacy.level=none",
                "sum.mode=plain",
                "evaluation.every_rounds=0",
                "optimizer.learning_rate=0.1",
                "optimizer.group_rates={bias=1.0, forgetting=1.0, scales=1.0, adapters=1.0}",
                *settings,
            ]
        )

    def federation(self, *settings: str, **choices: Any) -> Federation:
        """A federation over the toy file, in a folder of its own unless told otherwise."""
        given: dict[str, Any] = {
            "items": self.items,
            "folder": self.folder,
            "publish": lambda statistics: "release-0" if statistics is None else "release-1",
            "seed": 7,
        }
        start = np.linspace(-1, 1, self.layout.size, dtype=np.float32)
        return Federation(self.file(*settings), self.layout, start, **(given | choices))
