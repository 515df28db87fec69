"""Keeps a device running: its processes, its releases, its certificate."""

from client.maintenance.up import up

__all__ = ["up"]
