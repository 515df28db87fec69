"""The child's side of a `Worker`: waits for calls, and outlives neither its idle time nor its parent.

What goes wrong inside goes back as one of the four errors of ours, or as no more than the name of its kind: messages of
other errors may hold what a person wrote.
"""

import contextlib
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from shared.errors import HushrecError
from shared.lifetime import end_with_pipe

Outcome = tuple[Any, Exception | None]
"""What a call returned, or else what the caller may know of its error."""


def main() -> None:
    """Serve the parent at the other end of the socket whose descriptor is the only argument."""
    end_with_pipe(sys.stdin.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the keyboard is the parent's to handle
    connection = Connection(int(sys.argv[1]))
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        _serve(connection)


def _serve(connection: Connection) -> None:
    target: Any = None
    idle_seconds: float | None = None
    failure: Exception | None = None
    try:
        idle_seconds, make, made_of = connection.recv()
        target = make(*made_of)
    except Exception as error:
        failure = _told("start", error)
    while connection.poll(idle_seconds):
        name, args, named = connection.recv()
        answered = (None, failure) if failure else call_method(target, name, args, named)
        try:
            connection.send(answered)
        except OSError:
            raise
        except Exception as error:  # what cannot be pickled cannot be sent
            connection.send((None, _told(name, error)))


def call_method(target: Any, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Outcome:
    """What comes of a call of another process to the object that this one holds.

    Args:
        target: the object.
        name: of the method.
        args: for it.
        named: for it, by name.
    """
    try:
        return getattr(target, name)(*args, **named), None
    except Exception as error:
        return None, _told(name, error)


def _told(what: str, error: Exception) -> Exception:
    """What the parent may know of an error."""
    if isinstance(error, HushrecError):
        return error.bare()
    return RuntimeError(f"{what} failed ({type(error).__name__})")
