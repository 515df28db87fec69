"""What works for a cohort's devices beside this process: the protocol, and processes of the same machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from client.workers import Worker
from simulations.cohort.shard import ShardWorker

R = TypeVar("R")


class Helper(Protocol):
    """A `ShardWorker` somewhere else."""

    def call(self, timeout_seconds: float, method: Callable[..., R], *args: Any) -> R:
        """What a method of the worker returns.

        Args:
            timeout_seconds: after which the helper is ended.
            method: only its name travels.
            *args: for the method; they are pickled.

        Raises:
            NotYet, Refused, Misconfigured, Corrupt: what the method raised.
            RuntimeError: it raised something else, of which only the kind is told.
            TimeoutError: it took too long.
            Ended: the helper is no more, whatever became of its process or machine.
        """

    def stop(self) -> None:
        """End it now; a call under way in another thread raises `Ended`."""


class Helpers(Protocol):
    """Where helpers come from."""

    @property
    def count(self) -> int:
        """How many work at a time."""

    @property
    def beside_this_process(self) -> bool:
        """Whether this process works as one of them; else it does so only while none is ready."""

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Helper:
        """Start one.

        Args:
            number: for messages, from 0 on; one in place of a lost one has its number.
            home: work folder of the run; see `ShardWorker`.
            seed: of all devices' chance.
            accelerator: computes tensor programs.
        """

    def close(self) -> None:
        """Give back what they ran on, once all are stopped."""


class Processes:
    """This process, and others of the same machine beside it."""

    beside_this_process = True

    def __init__(self, processes: int = 1) -> None:
        """Have so many work at a time, this one among them."""
        self.count = processes - 1

    def __repr__(self) -> str:
        return f"Processes({self.count + 1})"

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Worker:
        """See `Helpers.start`."""
        return Worker(f"devices {number}", open_worker, str(home), seed, accelerator)

    def close(self) -> None:
        """See `Helpers.close`: there is nothing else."""


def open_worker(home: str, seed: int, accelerator: torch.device) -> ShardWorker:
    """The worker of a helper, in its process."""
    torch.set_num_threads(1)  # as in the process that asks: another number adds floats up in another order
    return ShardWorker(Path(home), seed, accelerator)
