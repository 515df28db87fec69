"""Who answers a command: the device that is up, through its local API, or else the desk opened here for a moment."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from client.cli.remote import RemoteDesk
from client.facade import Decision, EventRecord, RecommendRequest, open_facade
from client.home import Home
from shared.arrays import JsonObject


class AnyDesk(Protocol):
    """What both can do; see `client.facade.DeviceFacade`."""

    def log(self, records: Sequence[EventRecord]) -> JsonObject: ...
    def recommend(self, wish: RecommendRequest) -> JsonObject: ...
    def explain(self, item: str) -> JsonObject: ...
    def interests(self) -> JsonObject: ...
    def decide(self, name: str, decision: Decision) -> JsonObject: ...
    def privacy(self) -> JsonObject: ...
    def forget(self, ids: Sequence[int] | None = None) -> JsonObject: ...
    def export(self) -> JsonObject: ...


@contextmanager
def desk_of(home: Home) -> Iterator[AnyDesk]:
    """The desk of a device, up or not.

    Raises:
        NotYet: the device is just starting or stopping.
        Misconfigured, Corrupt: its files are not what they must be.
    """
    remote = _running(home)
    if remote is not None:
        yield remote
        return
    with open_facade(home) as desk:
        yield desk


def _running(home: Home) -> RemoteDesk | None:
    """The device's own process, if it left word of itself, still runs and answers.

    Somebody else may listen at the port of one that was killed, and must not be shown the token: hence the signal,
    which reaches processes of the same user only.
    """
    try:
        place = json.loads(home.api.read_bytes())
        os.kill(int(place["pid"]), 0)
        remote = RemoteDesk(str(place["host"]), int(place["port"]), home.keys.token())
    except (OSError, OverflowError, ValueError, KeyError, TypeError):
        return None
    return remote if remote.alive() else None
