"""Checks a server's folder, says what is wrong with it and how to repair it, and repairs what needs no choice."""

from server.doctor.checks import check_server, repair_server
from server.doctor.problem import Problem

__all__ = ["Problem", "check_server", "repair_server"]
