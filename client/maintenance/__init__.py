"""Keeps a device running: its processes, its releases, its certificate."""

from client.maintenance.loop import MaintenanceLoop
from client.maintenance.up import run_device

__all__ = ["MaintenanceLoop", "run_device"]
