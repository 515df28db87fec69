"""Who answers a command: the device that is up, through its local API, or else the facade opened here for a moment."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from client.cli.remote import RemoteDesk
from client.facade import Decision, EventRecord, RecommendRequest, SearchRequest, open_facade
from client.home import Home
from shared.arrays import JsonObject


class ConnectedDevice(Protocol):
    """What both can do; see `client.facade.DeviceFacade`."""

    def log(self, records: Sequence[EventRecord]) -> JsonObject:
        """Write events; must return their row ids, how many were new and which items are unknown, once on disk."""

    def recommend(self, wish: RecommendRequest) -> JsonObject:
        """Must return the best items under "recommendations", each with its reasons."""

    def search(self, wanted: SearchRequest) -> JsonObject:
        """Must return the items that suit a sentence best, as `recommend` does, and write nothing."""

    def explain(self, item: str) -> JsonObject:
        """Must return why the item of this id ranks where it does."""

    def interests(self) -> JsonObject:
        """Must return what the device makes of the log."""

    def decide(self, name: str, decision: Decision) -> JsonObject:
        """Mute or boost the concept of this name, or take that back; must return the interests as they are then."""

    def privacy(self) -> JsonObject:
        """Must return what was promised, and what of it is spent."""

    def forget(self, ids: Sequence[int] | None = None) -> JsonObject:
        """Delete the events of these row ids, all when None; must return how many there were under "deleted"."""

    def export(self) -> JsonObject:
        """Must return everything that is kept of the person."""


@contextmanager
def connect(home: Home) -> Iterator[ConnectedDevice]:
    """The facade of a device, up or not.

    Raises:
        NotYet: the device is just starting or stopping.
        Misconfigured, Corrupt: its files are not what they must be.
    """
    remote = _running(home)
    if remote is not None:
        yield remote
        return
    with open_facade(home) as facade:
        yield facade


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
