"""The command `hushrec-device`."""

from client.cli.commands import main

__all__ = ["main"]
