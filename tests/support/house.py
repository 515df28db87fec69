"""A gateway with a fake SuperLink behind it and its members."""

import time
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from server.gateway import make_gateway
from server.home import Home, Limits, ServerSettings, create_server
from server.registry import Registry
from tests.support.asking_gateway import FakeControl, FakeSuperLink, Person, ask


@dataclass
class House:
    home: Home
    registry: Registry
    app: ASGIApp
    control: FakeControl
    superlink: FakeSuperLink

    def code(self, hours: float = 1) -> bytes:
        return self.registry.invite(time.time(), hours)

    def joined(self) -> Person:
        person = Person()
        answer = ask(self.app, "POST", "/v1/join", body=person.request(self.code()).encode())
        assert answer.status == 200
        return person


def make_house(folder: Path) -> House:
    often = 10**6
    limits = Limits(
        body_bytes=65_536, requests_per_minute=often, requests_per_device_minute=often, joins_per_minute=often
    )
    home = create_server(folder / "server", ServerSettings(name="House", limits=limits))
    control, superlink = FakeControl(), FakeSuperLink()
    app = make_gateway(home, control=control, superlink=superlink)
    return House(home, home.registry(), app, control, superlink)
