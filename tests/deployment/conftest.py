"""A federation of real processes on loopback: server, TLS, node keys, devices; a tiny encoder, so that it is quick."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.behaviour import Event
from simulations.deployment import Deployment, free_port
from tests.support.tiny import SMALL, catalogue, person, write_encoder

DEVICES = 8
FEDERATION = (
    *SMALL,
    f"training.clients_per_round={DEVICES}",
    "privacy.level=user",
    "sum.dropout_share=0.3",
    "sum.phase_seconds=40.0",
    "round.deadline_seconds=60.0",
    "round.answer_seconds={update=6.0, statistics=4.0, evaluation=6.0}",
    "round.minimum_answers=4",
    "evaluation.every_rounds=2",
    f"evaluation.clients={DEVICES}",
    "evaluation.negatives=10",
)


@dataclass
class Federated:
    """A deployment with a catalogue, and its members."""

    deployment: Deployment
    encoder: Path

    def settings(self) -> list[str]:
        return [word for key in (f"backbone.name={self.encoder}", *FEDERATION) for word in ("--set", key)]

    def add_device(self, number: int, events: int = 14, **environment: str) -> str:
        """Make a device, join it, give it so many of a person's events and start it; its id."""
        deployment, home = self.deployment, self.deployment.device(number)
        deployment.call("device", "init", home, "--no-keyring", "--port", 0, "--policy", "smallest_cohort=4")
        invitation = deployment.json("server", "enrol", deployment.server)["invitation"]
        device = deployment.json("device", "join", home, invitation, "--yes")["device"]
        log = deployment.folder / f"person-{number}.jsonl"
        log.write_text("".join(json.dumps(_record(event)) + "\n" for event in person(number, events)))
        if events:
            deployment.call("device", "log", home, "--file", log)
        deployment.start(f"device-{number}", "device", "up", home, **environment)
        return str(device)

    def wait_until_connected(self, numbers: Iterable[int]) -> None:
        logs = [self.deployment.device(number) / "run" / "logs" / "executor.log" for number in numbers]
        self.deployment.wait(
            lambda: all(log.exists() and "connected" in log.read_text() for log in logs), 120, "devices to connect"
        )


def _record(event: Event) -> dict[str, object]:
    return {"time_seconds": 86_400.0 * event.time_seconds, "kind": event.kind, "item": event.item}


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "bert", "bert")


@pytest.fixture(scope="module")
def federated(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federated]:
    """A server with a catalogue, up; no device yet."""
    with Deployment(tmp_path_factory.mktemp("deployment")) as deployment:
        federated = Federated(deployment, encoder)
        items = deployment.folder / "items.jsonl"
        items.write_text(
            "".join(
                json.dumps({"id": i.id, "title": i.title, "text": i.text, "categories": list(i.categories)}) + "\n"
                for i in catalogue()
            )
        )
        ports = ("--port", deployment.port, "--superlink-port", free_port())
        deployment.call("server", "init", deployment.server, *ports, *federated.settings())
        deployment.call("server", "catalogue", deployment.server, items)
        deployment.start("server", "server", "up", deployment.server)
        # A gateway listens before devices can join.
        deployment.call("server", "status", deployment.server, "--wait", 60)
        yield federated
