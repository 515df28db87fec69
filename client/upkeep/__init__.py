"""Keeps a device running: its processes, its releases, its certificate."""

from client.upkeep.up import up

__all__ = ["up"]
