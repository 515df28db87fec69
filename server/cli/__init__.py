"""The command `hushrec-server`."""

import os

from server.cli import commands, publishing, watching  # noqa: F401 - they add their commands to `app`
from server.cli.options import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    app(prog_name="hushrec-server")
