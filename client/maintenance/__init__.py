"""Keeps a device running: its processes, its releases, its certificate."""

from client.maintenance.up import run_device

__all__ = ["run_device"]
