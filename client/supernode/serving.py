"""One device's node put together from its folder: what it needs to answer the server it has joined."""

import logging
import threading
from pathlib import Path

from client.app import make_client_app
from client.home import Home
from client.membership import Membership
from client.news import NewsFile
from client.receipts import Receipts
from client.releases import Releases
from client.supernode.fleet import FleetClient
from client.supernode.mail import Mailbox
from client.supernode.node import Node
from client.supernode.round_proxy import RoundProxy
from shared.bundle import bundle_hash
from shared.errors import HushrecError

_LOGGER = logging.getLogger("client.supernode")


def run_node(home: Home, stop: threading.Event) -> None:
    """Answer the server that a device has joined, until `stop`.

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

        rounds = RoundProxy(home, identity.device.hex(), find_release)
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
