"""One device's node put together from its folder: what it needs to answer the server it has joined."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from client.app import RoundParticipant, make_client_app
from client.home import Home
from client.membership import Membership
from client.news import NewsFile
from client.receipts import Receipts
from client.releases import Releases
from client.supernode.fleet import FleetClient
from client.supernode.mail import Mailbox
from client.supernode.node import Node, RoundKeeper
from client.supernode.round_proxy import RoundProxy
from shared.bundle import bundle_hash
from shared.errors import HushrecError

_LOGGER = logging.getLogger("client.supernode")


class Rounds(RoundParticipant, RoundKeeper, Protocol):
    """What answers a node's messages, one round at a time."""

    def close(self) -> None:
        """Let all that it holds go."""
        ...


MakeRounds = Callable[[Home, str, Callable[[str], Path]], Rounds]


def run_node(home: Home, stop: threading.Event, make_rounds: MakeRounds = RoundProxy) -> None:
    """Answer the server that a device has joined, until `stop`.

    Args:
        home: folder of the device.
        stop: ends it.
        make_rounds: given the home, the device's id and what finds a release by its digest, gives what answers rounds;
            a person's device has `RoundProxy`.

    Raises:
        Misconfigured, Corrupt: the device has joined nothing, or its folder is not whole.
    """
    identity, membership = home.keys.identity(), Membership.load(home.membership)
    with membership.gateway(identity) as gateway:
        releases, receipts = Releases(home, membership, gateway), Receipts(home.receipt, membership)

        def find_release(digest: str) -> Path:
            """Ask for the server's receipt before each round, and only then for the release that it is about."""
            receipts.update(gateway)
            return releases.find(digest)

        rounds = make_rounds(home, identity.device.hex(), find_release)
        fleet = FleetClient(gateway, home.keys.node_key(), home.run / "node")
        mailbox = Mailbox(fleet, home.settings.busy_poll_seconds, NewsFile(home.news).write)
        node = Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, mailbox)
        try:
            node.run(stop)
        finally:
            rounds.close()
            try:
                fleet.deactivate()
            except HushrecError:
                _LOGGER.info("the server was not told that this device goes")
