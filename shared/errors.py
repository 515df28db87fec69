"""The four ways Hushrec says no.

Every message names what was expected, what came, and what to do about it. No message carries behaviour text, an
interest value or a secret.
"""

import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Self

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "budget-spent": "the privacy budget of a level or a task would be exceeded; no further round of it is answered",
        "clock-off": "a request is signed at another time than the receiver's clock says",
        "cohort-full": "a private sum has all the members it can take",
        "device-refuses": "the device that is up said no to a command",
        "device-revoked": "the device's certificate counts no more",
        "device-unknown": "the registry has no such device",
        "invitation-expired": "an invitation is too old",
        "invitation-unknown": "an invitation is unknown, expired or used",
        "ledger-behind": "the ledger has lost charges, or what would tell is lost; nothing is answered before a mend",
        "no-noise": "values would leave without the noise that is promised for them",
        "no-round": "a message of a private sum came to a device that is in none",
        "not-a-persons-device": "a simulation's means were offered to a person's device",
        "other-round": "a message belongs to another private sum than the one under way",
        "out-of-turn": "a message does not belong to the phase that a private sum is in",
        "paused": "the person has paused the device's answers",
        "period-spent": "the privacy budget of a period would be exceeded; later rounds may be answered again",
        "person-declined": "the person said no",
        "policy": "the person's policy allows less than what is asked",
        "policy-file": "the policy cannot be read, so that it allows nothing",
        "protocol-version": "the server speaks another version of the protocol",
        "quorum-missing": "too few members agreed on who is in a sum for it to be unmasked",
        "round-answered": "this round, or a later one, of this task has been answered already",
        "server-refuses": "the server does not know the device, or no longer",
        "sum-mode": "another kind of sum was asked for than the federation promises or a person's device takes part in",
        "terms-changed": "the federation's terms are not those that were agreed to",
        "too-late": "a message of a private sum came after its time",
    }
)


class HushrecError(Exception):
    """Root of the four; never raised itself.

    Attributes:
        exit_status: of a command that ends with it.
        code: a stable word for machines: the kind, and of a refusal the reason (see `REFUSALS`).
    """

    exit_status = 1
    code = "error"

    def bare(self) -> Self:
        """The same error alone, without traceback or cause: what may go to another process."""
        return type(self)(*self.args)


class Misconfigured(HushrecError):
    """A setting, a path or an input is wrong: fix it and call again."""

    exit_status = 2
    code = "misconfigured"


class StorageFailed(Misconfigured):
    """A file cannot be written or read: the disk is full, read-only or broken. What was there before still counts."""

    code = "storage"


class Corrupt(HushrecError):
    """A file or a message is not what it claims to be."""

    exit_status = 2
    code = "corrupt"


class Refused(HushrecError):
    """A policy or a budget says no, and always will."""

    exit_status = 3

    def __init__(self, message: str, *, code: str) -> None:
        """Say no.

        Args:
            message: what was expected, what came, and what to do.
            code: one of `REFUSALS`.
        """
        super().__init__(message)
        self.code = code

    def bare(self) -> Self:
        """See `HushrecError.bare`."""
        return type(self)(*self.args, code=self.code)

    def __reduce__(self) -> tuple[Callable[[], Self], tuple[()]]:
        return partial(type(self), *self.args, code=self.code), ()


class NotYet(HushrecError):
    """There is too little data, or it is too early: wait or add data."""

    exit_status = 4
    code = "not-yet"


def kind_and_place(error: BaseException) -> str:
    """What may be said of an unforeseen error: its type, file and line; its text may quote a person."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
