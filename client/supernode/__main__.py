"""`python -m client.supernode DIR`: answers the server that a device has joined, until SIGTERM or the parent's end."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from client.app import make_client_app
from client.home import Home
from client.membership import Membership
from client.receipts import Receipts
from client.releases import Releases
from client.supernode.fleet import FleetClient
from client.supernode.node import Node
from client.supernode.round_proxy import RoundProxy
from shared.bundle import bundle_hash
from shared.errors import HushrecError
from shared.lifetime import end_with_parent

_LOGGER = logging.getLogger("client.supernode")


def main(arguments: list[str]) -> int:
    """Answer until told to stop; the exit status says what kind of error ended it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if len(arguments) != 1:
        print("usage: python -m client.supernode DIR", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _serve(Home.open(Path(arguments[0])))
    except HushrecError as error:
        _LOGGER.error("%s", error)
        return error.exit_status
    return 0


def _serve(home: Home) -> None:
    stop = threading.Event()
    identity, membership = home.keys.identity(), Membership.load(home.membership)
    with membership.gateway(identity) as gateway:
        releases, receipts = Releases(home, membership, gateway), Receipts(home.receipt, membership)

        def find_release(digest: str) -> Path:
            """Ask for the server's receipt before each round, and only then for the release that it is about."""
            receipts.update(gateway)
            return releases.find(digest)

        rounds = RoundProxy(home, identity.device.hex(), find_release)
        fleet = FleetClient(gateway, home.keys.node_key(), home.run / "node")
        node = Node(fleet, make_client_app(lambda _: rounds), bundle_hash(), rounds, home.settings.busy_poll_seconds)
        end_with_parent(os.getppid(), signal.SIGTERM)  # a device whose `up` is gone answers nobody
        try:
            node.run(stop)
        finally:
            rounds.close()
            try:
                fleet.deactivate()
            except HushrecError:
                _LOGGER.info("the server was not told that this device goes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
