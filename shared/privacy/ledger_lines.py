"""The lines of a ledger's file: one JSON object for each charge, sealed with those before; and reading them.

A seal is the SHA-256 of the seal before and of the line's own content.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from shared.privacy.events import Level, PrivacyEvent, privacy_event_from_fields, privacy_event_to_fields
from shared.privacy.ledger_head import LedgerHead
from shared.tasks import Task

FIRST_SEAL = hashlib.sha256(b"hushrec ledger 2").hexdigest()  # before the first line; says the version


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry of the file.

    Attributes:
        sequence: 1-based place in the file.
        round_number: round of the federation it was charged in, 0 or above; None of a charge that was put back after
            the ledger lost it.
        event: what was charged.
        day: when, in whole days since 1970 UTC; never before the day of the charge before.
    """

    sequence: int
    round_number: int | None
    event: PrivacyEvent
    day: int = 0

    def __post_init__(self) -> None:
        for name, number in (("round", self.round_number), ("day", self.day)):
            if (type(number) is not int or number < 0) and (name, number) != ("round", None):
                raise Misconfigured(f"{name}: expected a whole number of at least 0, got {number!r}")

    @property
    def level(self) -> Level:
        """Level of the event."""
        return self.event.level

    @property
    def task(self) -> Task:
        """Task of the event."""
        return self.event.task


@dataclass(frozen=True, slots=True)
class ReadLedger:
    """What a ledger's file holds.

    Attributes:
        charges: oldest first.
        seals: one of each charge.
    """

    charges: tuple[Charge, ...] = ()
    seals: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ReadLedger({len(self.charges)} charges)"

    @property
    def events(self) -> tuple[PrivacyEvent, ...]:
        """What was charged, oldest first."""
        return tuple(charge.event for charge in self.charges)

    @property
    def last_day(self) -> int:
        """Of the last charge; 0 where there is none."""
        return self.charges[-1].day if self.charges else 0

    @property
    def head(self) -> LedgerHead:
        """See `LedgerHead`."""
        return LedgerHead.of(self.seals, self.events)


def read_charges(path: Path) -> tuple[Charge, ...]:
    """Every charge in a ledger's file, oldest first, whoever has it open; none where there is no file.

    A last line that is torn is left out: its charge has not returned yet, or never did.

    Raises:
        Corrupt: as `LedgerFile`.
        Misconfigured: the file cannot be read.
    """
    held = read_ledger(path)
    return () if held is None else held.charges


def read_ledger(path: Path, whole: bool = True) -> ReadLedger | None:
    """What is in a ledger's file, as `read_charges`; None where there is no file.

    Args:
        path: of the file.
        whole: False for what stands before the first line that is not what was written, instead of Corrupt.

    Raises:
        Corrupt, Misconfigured: as `read_charges`.
    """
    try:
        *lines, tail = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misconfigured(f"{path}: the ledger could not be read ({error.strerror})") from None
    charges: list[Charge] = []
    seals = [FIRST_SEAL]
    with suppress(*(() if whole else (Corrupt,))):
        for line in lines:
            charge, seal = opened_line(line, len(charges) + 1, seals[-1], path)
            charges.append(charge)
            seals.append(seal)
        with suppress(Corrupt):
            charge, seal = opened_line(tail, len(charges) + 1, seals[-1], path)
            charges.append(charge)
            seals.append(seal)
    return ReadLedger(tuple(charges), tuple(seals[1:]))


def opened_line(line: bytes, sequence: int, previous: str, path: Path) -> tuple[Charge, str]:
    """The charge of a line, and its seal."""
    try:
        content = json.loads(line)
        charge = Charge(sequence, content["round"], privacy_event_from_fields(content["event"]), content["day"])
        expected, seal = sealed_line(charge, previous)
        if expected != line:
            raise ValueError("another line before it, or another content")
    except (ValueError, TypeError, KeyError, RecursionError, Misconfigured):
        raise Corrupt(
            f"{path}: line {sequence}: expected the charge that follows those before it, got another or none; "
            "bring the file back from a copy at least as new, as what it held stays spent"
        ) from None
    return charge, seal


def sealed_line(charge: Charge, previous: str) -> tuple[bytes, str]:
    """The line of a charge without its end, and its seal."""
    content = {
        "sequence": charge.sequence,
        "round": charge.round_number,
        "day": charge.day,
        "event": privacy_event_to_fields(charge.event),
    }
    seal = hashlib.sha256((previous + json.dumps(content)).encode()).hexdigest()
    return json.dumps({**content, "seal": seal}).encode(), seal
