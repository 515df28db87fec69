"""Runs a server: its processes, its runs, and the report of how they are."""

from server.supervisor.up import read_status, up

__all__ = ["read_status", "up"]
