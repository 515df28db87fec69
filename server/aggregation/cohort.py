"""Who takes part: which devices are there, and which of them a round asks. It looks at ids, never at behaviour."""

import hashlib
import logging
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from server.aggregation.exchange import POLL_SECONDS, Clock, Exchange
from server.logs import log_line

_AGAIN_SECONDS = 15.0
_SILENT_SECONDS = 30.0  # a device that is there says who it is far sooner
_DEVICE_ID = re.compile(r"[0-9a-f]{8,128}")


class CohortMember(Protocol):
    """A device and the Flower node through which it is reached."""

    @property
    def device(self) -> str:
        """Its id."""
        ...

    @property
    def node(self) -> int:
        """The node's id."""
        ...


class Directory(Protocol):
    """Knows which devices there are, and whose turn it is."""

    def wait_for(
        self,
        grid: Grid,
        minimum: int,
        deadline_seconds: float,
        clock: Clock,
        revoked: frozenset[str] = frozenset(),
    ) -> Sequence[CohortMember]:
        """The devices now available, less those revoked, once there are `minimum` or the deadline has passed."""
        ...

    def cohort(
        self, members: Sequence[CohortMember], clients: int, over_selection: float, stream: str, asked_before: int
    ) -> Sequence[CohortMember]:
        """The cohort of a round out of the devices now available, see `sample_cohort`."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class KnownMember:
    """A `CohortMember` that said who it is."""

    device: str
    node: int


class NodeDirectory:
    """Which device stands behind which node: asked once, with `query.hello`, of every node that appears.

    A device id belongs to the node that named it first, as long as that node is there: none can stand twice in a sum.
    """

    def __init__(self, tell: Callable[[int, int | None], None] = lambda here, needed: None) -> None:
        """Know nobody yet.

        Args:
            tell: is told how many devices are here, of how many a round waits for; None once it waits no longer.
        """
        self._tell = tell
        self._devices: dict[int, str] = {}
        self._mute: dict[int, float] = {}  # nodes whose answer named no device, and when that came
        self._asked: list[Exchange] = []

    def __repr__(self) -> str:
        return f"NodeDirectory({len(self._devices)} devices)"

    def wait_for(
        self,
        grid: Grid,
        minimum: int,
        deadline_seconds: float,
        clock: Clock,
        revoked: frozenset[str] = frozenset(),
    ) -> Sequence[CohortMember]:
        """The devices now available, less those revoked, by id, once there are `minimum` or the deadline has passed."""
        end = clock.now() + deadline_seconds
        self._mute.clear()
        members: list[KnownMember] = []
        try:
            while True:
                self._tell(len(members), minimum)
                earliest = clock.now() - _AGAIN_SECONDS  # one that was just going away may be back since
                self._mute = {node: came for node, came in self._mute.items() if came > earliest}
                there = self.refresh(grid, deadline_seconds, clock)
                members = [member for member in there if member.device not in revoked]
                if len(members) >= minimum or clock.now() >= end:
                    return members
                clock.sleep(POLL_SECONDS)
        finally:
            self._tell(len(members), None)

    def cohort(
        self, members: Sequence[CohortMember], clients: int, over_selection: float, stream: str, asked_before: int
    ) -> list[CohortMember]:
        """See `sample_cohort`."""
        return sample_cohort(members, clients, over_selection, stream, asked_before)

    def refresh(self, grid: Grid, deadline_seconds: float, clock: Clock) -> list[KnownMember]:
        """Ask the nodes not asked before and return the devices now available, by id.

        A node that says nothing for as long as a short answer takes is not waited for again; if its answer does come,
        it counts from then on. One that answered without an id is asked again in another round, or after a while.
        """
        for exchange in self._asked:
            self._listen(exchange, 0.0, 0.0, clock)
        self._asked = [exchange for exchange in self._asked if exchange.open_nodes]
        nodes = list(grid.get_node_ids())
        waited_for = {node for exchange in self._asked for node in exchange.open_nodes}
        known = self._devices.keys() | self._mute.keys() | waited_for
        strangers = [node for node in nodes if node not in known]
        if strangers:
            content = RecordDict({"hello": ConfigRecord({"version": 1})})
            questions = [Message(content, node, "query.hello", group_id="hello") for node in strangers]
            exchange = Exchange(grid, questions, clock)
            self._listen(exchange, deadline_seconds, _SILENT_SECONDS, clock)
            if exchange.open_nodes:
                self._asked.append(exchange)
        there = set(nodes)
        first: dict[str, int] = {}
        for node, device in self._devices.items():
            if node in there:
                first.setdefault(device, node)
        if strangers:
            doubles = sum(node in there for node in self._devices) - len(first)
            log_line("roster", nodes=len(nodes), devices=len(first), doubles=doubles)
        return sorted(KnownMember(device, node) for device, node in first.items())

    def _listen(self, exchange: Exchange, seconds: float, silent_seconds: float, clock: Clock) -> None:
        for node, reply in exchange.replies(seconds, silent_seconds):
            device = None if reply.has_error() else _device_id(reply.content)
            if device is None:
                self._mute[node] = clock.now()
                log_line("hello-without-id", logging.WARNING, node=node, failed=reply.has_error())
            else:
                self._devices[node] = device


def _device_id(content: RecordDict) -> str | None:
    record = content.get("device")
    if len(content) != 1 or not isinstance(record, ConfigRecord) or len(record) != 1:
        return None
    device = record.get("id")
    return device if isinstance(device, str) and _DEVICE_ID.fullmatch(device) else None


def sample_cohort(
    members: Sequence[CohortMember], clients: int, over_selection: float, stream: str, asked_before: int
) -> list[CohortMember]:
    """The cohort of a round, in the order in which it is asked.

    All devices take turns in one shuffled circle, so that none is asked again before all others were: the number of
    answers a device has to have a budget for is the smallest there can be. The circle is no secret, and nothing claims
    amplification by it. It depends on the stream and the device ids alone, not on node ids or the order of `members`.

    Args:
        members: the devices that may be asked now.
        clients: answers the round wants; `over_selection` times as many are asked, as far as there are.
        over_selection: devices asked for each answer wanted, 1 and more.
        stream: names the circle.
        asked_before: how many were asked in all rounds before, which says whose turn it is.
    """
    circle = sorted(members, key=lambda member: hashlib.sha256(f"{stream} {member.device}".encode()).digest())
    return [circle[place] for place in places_in_turn(len(circle), clients, over_selection, asked_before)]


def places_in_turn(circle: int, clients: int, over_selection: float, asked_before: int) -> list[int]:
    """Whose turn it is in a circle of so many, see `sample_cohort`."""
    size = min(circle, math.ceil(clients * over_selection))
    return [(asked_before + place) % circle for place in range(size)]
