"""Runs a server: its processes, its runs, and the report of how they are."""

from server.status_file import read_status
from server.supervisor.up import run_server

__all__ = ["read_status", "run_server"]
