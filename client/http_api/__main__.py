"""`python -m client.http_api DIR`: the process that serves a device's local API."""

import logging
import os
import signal
import sys
from pathlib import Path

from client.home import Home
from client.http_api.serving import serve_api
from shared.errors import HushrecError
from shared.lifetime import end_with_parent


def main(arguments: list[str]) -> int:
    """Serve the device's folder; the exit status says what kind of error ended it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if len(arguments) != 1:
        print("usage: python -m client.http_api DIR", file=sys.stderr)
        return 2
    end_with_parent(os.getppid(), signal.SIGTERM)
    try:
        serve_api(Home.open(Path(arguments[0])))
    except HushrecError as error:
        logging.getLogger("client.http_api").error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
