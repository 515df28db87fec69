"""What the in-process grid itself costs per message."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from simulations.benchmarks.timing import median_milliseconds
from simulations.devices import Fidelity, InProcessGrid
from simulations.report import Progress

_DEVICES = 200
_LENGTH = 50_000
_REPEATS = 5


def grid(progress: Progress) -> dict[str, Any]:
    """Milliseconds per client of a reply of 50,000 numbers, messages copied against really serialised."""
    summand = Array(np.zeros(_LENGTH, np.float32))
    app = ClientApp()

    @app.train("update")
    def update(message: Message, context: Context) -> Message:
        return Message(RecordDict({"summand": ArrayRecord({"vector": summand})}), reply_to=message)

    def round_of(fidelity: Fidelity) -> Callable[[], object]:
        nodes = InProcessGrid(app, _DEVICES, fidelity=fidelity)

        def run() -> None:
            content = RecordDict({"model": ArrayRecord({"vector": summand})})
            asked = [Message(content, node, "train.update", group_id="1") for node in nodes.get_node_ids()]
            pending = set(nodes.push_messages(asked))
            while pending:
                pending -= {reply.metadata.reply_to_message_id for reply in nodes.pull_messages(pending)}

        return run

    with progress.stage("grid"):
        milliseconds = median_milliseconds({"copy": round_of("copy"), "wire": round_of("wire")}, _REPEATS)
    return {
        "devices": _DEVICES,
        "rows": [
            {"fidelity": name, "milliseconds per client": value / _DEVICES} for name, value in milliseconds.items()
        ],
    }
