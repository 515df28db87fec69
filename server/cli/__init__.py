"""The command `hushrec-server`."""

from server.cli.commands import main

__all__ = ["main"]
