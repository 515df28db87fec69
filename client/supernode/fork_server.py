"""The process that trains: it brings in the model once, and forks a process for each round, which ends with the round.

It holds public things alone, the release and its model; only the forks ever see keys, events and secrets.
"""

import os
import random
import signal
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from client.home import Home
from client.membership import Membership
from client.secagg import RoundRequest, Value
from client.store import Store
from client.supernode.slot import in_slot
from client.wall_clock import WallClock
from shared.behaviour import Event
from shared.errors import HushrecError, Misconfigured
from shared.lifetime import end_with_parent, keep_memory_private

if TYPE_CHECKING:
    from client.loaded_release import LoadedRelease
P = ParamSpec("P")
R = TypeVar("R")


class ForkServer:
    """Runs one round at a time in a fork of its own. Importing this brings in no model; making one does."""

    def __init__(self, home: str) -> None:
        """Limit torch to one thread, so that this process may fork.

        Args:
            home: folder of the device.
        """
        import torch

        torch.set_num_threads(1)  # threads of its own would be missing in a fork
        self._home = home
        self._round: tuple[int, Connection] | None = None

    def __repr__(self) -> str:
        return f"ForkServer({'in a round' if self._round else 'at rest'})"

    def advertise(
        self, release: str, request: RoundRequest, vector: NDArray[np.float32] | None, configuration: bytes
    ) -> bytes:
        """Fork a process for this round and let it advertise; see `Device.advertise`.

        Args:
            release: folder of a verified release, named after its digest.
            request: the round: its task, number, release, federation and the groups to train.
            vector: float32 [d_total], parameters to train from or to rank with; None for a count.
            configuration: what the server says all are asked; must be what the device derives itself.
        """
        from client.loaded_release import load_release

        self.end()
        load_release(Path(release))
        ours, theirs = Pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the one other thread here waits for our parent's end
            process = os.fork()
        if not process:
            _be_a_round(theirs, parent, lambda: RoundProcess(self._home, release))
        theirs.close()
        self._round = process, ours
        return self._ask(RoundProcess.advertise, request, vector, configuration)

    def phase(self, name: str, ch: bytes, parts: list[bytes]) -> bytes:
        """See `Device.phase`."""
        return self._ask(RoundProcess.phase, name, ch, parts)

    def waiting(self) -> bool:
        """Whether a round waits for its next message."""
        return self._round is not None and self._ask(RoundProcess.waiting)

    def end(self) -> None:
        """End the round's process, and with it all that the round held."""
        if self._round is not None:
            (process, connection), self._round = self._round, None
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            connection.close()

    def _ask(self, method: Callable[Concatenate["RoundProcess", P], R], *args: P.args, **named: P.kwargs) -> R:
        if self._round is None:
            raise RuntimeError("round: none is under way")
        try:
            self._round[1].send((method.__name__, args, named))
            answer, error = self._round[1].recv()
        except (EOFError, OSError):
            self.end()
            raise RuntimeError("round: its process ended") from None
        if error is not None:
            raise error
        return cast(R, answer)


class RoundProcess:
    """The whole device, for one round, in a process of its own."""

    def __init__(self, home: str, release: str) -> None:
        """Open the device, all but its log.

        Args:
            home: folder of the device.
            release: folder of a verified release.

        Raises:
            NotYet, Misconfigured, Corrupt: a file of the device is not what it must be.
        """
        from client.device import Device
        from client.file_record import device_record

        place = Home(Path(home))
        clock = WallClock(place.clock)
        self._release = Path(release)
        self._session: dict[str, Value] = {}
        self._device = Device(
            Membership.load(place.membership).member(place.keys.identity(), place.revocations),
            _StoredLog(lambda: Store.open(place.store, place.keys.data_key(), read_only=True)),
            self._installed,
            device_record(place, clock),
            self._session,
            now_seconds=clock,
            policy=place.answering_policy,
            run=in_slot,
        )

    def __repr__(self) -> str:
        return f"RoundProcess({'in a sum' if self._session else 'at rest'})"

    def advertise(self, request: RoundRequest, vector: NDArray[np.float32] | None, configuration: bytes) -> bytes:
        """See `Device.advertise`."""
        return self._device.advertise(request, vector, configuration)

    def phase(self, name: str, ch: bytes, parts: list[bytes]) -> bytes:
        """See `Device.phase`."""
        return self._device.phase(name, ch, parts)

    def waiting(self) -> bool:
        """Whether the sum that was joined waits for its next message."""
        return bool(self._session)

    def _installed(self, digest: str) -> "LoadedRelease":
        from client.loaded_release import load_release

        installed = load_release(self._release)
        if installed.digest != digest:
            raise Misconfigured(f"release: expected {installed.digest[:12]}, got {digest[:12]}")
        return installed


class _StoredLog:
    """The log in the store, which is opened when it is first read: if it cannot be, that is no answer's matter."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open = open_store

    @cached_property
    def _store(self) -> Store:
        return self._open()

    def events(self) -> Sequence[Event]:
        """See `BehaviourLog`."""
        return self._store.events()

    def held_out(self) -> Sequence[Event]:
        """See `BehaviourLog`."""
        return self._store.held_out()


def _be_a_round(connection: Connection, parent: int, make: Callable[[], RoundProcess]) -> NoReturn:
    """What a fork does: answer its parent, with chance of its own, until either ends."""
    try:
        end_with_parent(parent, signal.SIGKILL)
        keep_memory_private()
        os.closerange(3, connection.fileno())
        os.closerange(connection.fileno() + 1, 1024)  # above all the way to the process that answers the server
        import torch

        torch.seed()
        np.random.seed()
        random.seed()
        target: RoundProcess | None = None
        while True:
            name, args, named = connection.recv()
            answer: tuple[Any, Exception | None]
            try:
                target = target or make()
                answer = getattr(target, name)(*args, **named), None
            except HushrecError as error:
                answer = None, error.bare()
            except Exception as error:  # its text may quote the person
                answer = None, RuntimeError(f"{name} failed ({type(error).__name__})")
            connection.send(answer)
    except BaseException:
        os._exit(1)  # the parent is gone; nothing of the fork's may run on
