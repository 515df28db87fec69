"""`python -m server.gateway DIR`: the gateway of one server, until it is told to stop. The supervisor starts it."""

import logging
import os
import signal
import sys
from pathlib import Path

from server.gateway.serving import serve_gateway
from server.home import Home
from server.logs import formatter
from shared.errors import HushrecError
from shared.lifetime import end_with_parent


def main() -> int:
    """Serve; the exit status says whose fault an early end is."""
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # it would log a line for every poll of every device
    if len(sys.argv) != 2:
        print("usage: python -m server.gateway DIR", file=sys.stderr)
        return 2
    try:
        end_with_parent(os.getppid(), signal.SIGTERM)
        home = Home.open(Path(sys.argv[1]))
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter(home.settings.log_format))
        logging.basicConfig(handlers=[handler], level=logging.INFO)
        serve_gateway(home)
    except HushrecError as reason:
        print(reason, file=sys.stderr)
        return reason.exit_status
    return 0


sys.exit(main())
