"""The four ways Hushrec says no.

Every message names what was expected, what came, and what to do about it. No message carries behaviour text, an
interest value or a secret.
"""

import traceback
from pathlib import Path


class HushrecError(Exception):
    """Root of the four; never raised itself."""

    exit_status = 1


class Misconfigured(HushrecError):
    """A setting, a path or an input is wrong: fix it and call again."""

    exit_status = 2


class Corrupt(HushrecError):
    """A file or a message is not what it claims to be."""

    exit_status = 2


class Refused(HushrecError):
    """A policy or a budget says no, and always will."""

    exit_status = 3


class NotYet(HushrecError):
    """There is too little data, or it is too early: wait or add data."""

    exit_status = 4


def kind_and_place(error: BaseException) -> str:
    """What may be said of an unforeseen error: its type, file and line; its text may quote a person."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
