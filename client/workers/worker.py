"""One child process that holds one object and runs its methods, one call after the other.

A fresh interpreter, not a fork: it has nothing of its parent but the arguments, and does not import the parent's main
module. Those travel over a socket pair, so that no secret stands in a command line or an environment.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

_CHILD = "from client.workers.child import main; main()"


class Ended(RuntimeError):
    """The child is no more: it was idle, stopped or killed, or it broke down. What it held is lost."""


class Worker:
    """A child that lives from construction until it is idle, hung, stopped, or its parent ends."""

    def __init__(self, name: str, make: Callable[..., Any], *args: Any, idle_seconds: float | None = None) -> None:
        """Start the child, which makes its object at once; a failure to make it is what calls raise.

        Args:
            name: for messages.
            make: makes the object, in the child; something a module of ours defines, as it travels by its name.
            args: for `make`; they are pickled.
            idle_seconds: without a call, after which the child ends itself; never when None.
        """
        self._name = name
        self._turn = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                [sys.executable, "-c", _CHILD, str(theirs.fileno())],
                stdin=subprocess.PIPE,  # never written to: the kernel ends the child when it is closed
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._connection = Connection(ours.detach())
        try:
            self._connection.send((idle_seconds, make, args))
        except OSError:  # it died at once, which calls will say
            self._process.kill()
        except BaseException:
            self.stop()
            raise

    def __repr__(self) -> str:
        return f"Worker({self._name}, {'alive' if self.alive else 'ended'})"

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    def call(
        self, timeout_seconds: float, method: Callable[Concatenate[Any, P], R], *args: P.args, **named: P.kwargs
    ) -> R:
        """What a method of the object returns. Calls of several threads wait for each other.

        Args:
            timeout_seconds: after which the child is killed.
            method: of the object's class, or of a protocol it follows: only its name travels.
            *args: for the method; they are pickled.
            **named: for the method, by name; they are pickled.

        Raises:
            NotYet, Refused, Misconfigured, Corrupt: what the method raised.
            RuntimeError: it raised something else, of which only the kind is told.
            TimeoutError: it took too long; the child has been killed.
            Ended: the child was no more, or broke down in the call.
        """
        name = method.__name__
        with self._turn:
            late = threading.Event()
            watchdog = threading.Timer(timeout_seconds, self._kill, [late])
            watchdog.daemon = True
            watchdog.start()
            try:
                self._connection.send((name, args, named))
                answer, error = self._connection.recv()
            except (EOFError, OSError):
                self._end()
                if late.is_set():
                    raise TimeoutError(f"{self._name}: {name} took more than {timeout_seconds:g} seconds") from None
                raise Ended(f"{self._name}: its process has ended; start another") from None
            finally:
                watchdog.cancel()
        if error is not None:
            raise error
        return cast(R, answer)

    def stop(self) -> None:
        """End the child now; a call under way in another thread raises `Ended`."""
        self._process.kill()
        with self._turn:
            self._end()

    def _kill(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
