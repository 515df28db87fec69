"""Runs a server: its processes, its runs, and the report of how they are."""

from server.supervisor.up import read_status, run_server

__all__ = ["read_status", "run_server"]
