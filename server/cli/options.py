"""What the commands of a server have in common."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from server.home import Home
from server.logs import formatter
from shared.cli import command_group

PROGRAM = "hushrec-server"

app = command_group("The server of a federation: who takes part, what is trained, what is released.")

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The server's folder.")]


def log_to_terminal(home: Home, level: int) -> None:
    """Let this process log on standard error, as the server's settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(home.settings.log_format))
    logging.basicConfig(handlers=[handler], level=level)
