"""`python -m client.supernode DIR`: answers the server that a device has joined, until SIGTERM or the parent's end."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from client.home import Home
from client.supernode.serving import run_node
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
    end_with_parent(os.getppid(), signal.SIGTERM)  # a device whose `up` is gone answers nobody
    try:
        run_node(Home.open(Path(arguments[0])), threading.Event())
    except HushrecError as error:
        _LOGGER.error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
