"""Checks a server's folder, says what is wrong with it and how to repair it, and repairs what needs no choice."""

from server.doctor.checks import check, mend
from server.doctor.problem import Finding

__all__ = ["Finding", "check", "mend"]
