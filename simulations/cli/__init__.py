"""`hushrec-simulate`: turns options into calls and results into tables, JSON and exit statuses. No arithmetic here."""

import os

from simulations.cli import (  # noqa: F401 - they add their commands to `app`
    exchanging,
    experiments,
    federations,
    measurements,
)
from simulations.cli.options import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    app(prog_name="hushrec-simulate")
