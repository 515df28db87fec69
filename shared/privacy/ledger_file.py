"""A ledger that survives crashes: one line for each charge, on disk before anything leaves, sealed with those before.

What it cannot notice is last lines taken away whole, or an older copy of the file put back in its place.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import Corrupt, Misconfigured, NotYet
from shared.locks import try_lock
from shared.privacy.budget import LedgerBudget
from shared.privacy.events import Level, PrivacyEvent, privacy_event_from_fields, privacy_event_to_fields
from shared.privacy.ledger import Ledger
from shared.tasks import Task

_FIRST = hashlib.sha256(b"hushrec ledger 1").hexdigest()  # seal before the first line; says the version


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry of the file.

    Attributes:
        sequence: 1-based place in the file.
        round_number: round of the federation it was charged in, 0 or above.
        event: what was charged.
    """

    sequence: int
    round_number: int
    event: PrivacyEvent

    def __post_init__(self) -> None:
        if type(self.round_number) is not int or self.round_number < 0:
            raise Misconfigured(f"round: expected a whole number of at least 0, got {self.round_number!r}")

    @property
    def level(self) -> Level:
        """Level of the event."""
        return self.event.level

    @property
    def task(self) -> Task:
        """Task of the event."""
        return self.event.task


class LedgerFile:
    """A `Ledger` in an append-only file of mode 0600; one process has it open at a time.

    Each line ends in a seal: the SHA-256 of the seal before and of its own content. A charge returns once its line is
    on disk, so a last line that is torn belongs to a charge that never returned: nothing left under it, and it is
    dropped on opening. A last line that is whole but for its line end counts. Needs a POSIX system.
    """

    def __init__(self, path: Path, budget: LedgerBudget) -> None:
        """Open the ledger at a path, or start one there.

        Raises:
            Corrupt: a line is not what was written, or lines are missing between; the file is as it was.
            NotYet: another process has it open.
            Misconfigured: the file cannot be opened or written.
        """
        self.path = path
        self._charges: list[Charge] = []
        self._seal = _FIRST
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            self._take()
            self._ledger = Ledger(budget, _counts(self._charges))
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"LedgerFile({len(self._charges)} charges)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge, oldest first."""
        return tuple(self._charges)

    def epsilon(self, level: Level) -> float:
        """Epsilon of a level spent so far, at the delta of its budget."""
        return self._ledger.epsilon(level)

    def charge(self, *events: PrivacyEvent, round_number: int) -> tuple[Charge, ...]:
        """Add events, all of them or none, and return once they are on disk.

        Raises:
            Refused: a budget would be exceeded; nothing is written.
            Misconfigured: the round is no whole number, or the disk cannot take the charge. Nothing may leave then; at
                worst it counts when opened again.
        """
        later = self._ledger.after(*events)
        first = len(self._charges) + 1
        added = tuple(Charge(first + place, round_number, event) for place, event in enumerate(events))
        lines, previous = b"", self._seal
        for charge in added:
            line, previous = _sealed(charge, previous)
            lines += line + b"\n"
        try:
            self._append(lines)
        except OSError as error:
            raise self._unwritable(error) from None
        self._seal, self._ledger = previous, later
        self._charges.extend(added)
        return added

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _take(self) -> None:
        """Lock the file, read it whole, and only then mend its end."""
        if not try_lock(self._handle):
            raise NotYet(f"{self.path}: another process has this ledger open; wait for it to end")
        try:
            with open(self._handle, "rb", closefd=False) as stream:
                *lines, tail = stream.read().split(b"\n")
            for line in lines:
                self._read(line)
            try:
                self._read(tail)
                mended = tail + b"\n"
            except Corrupt:
                mended = b""
            self._size = sum(len(line) + 1 for line in lines)
            os.fchmod(self._handle, 0o600)
            self._append(mended)
            _flush_folder(self.path.parent)
        except OSError as error:
            raise self._unwritable(error) from None

    def _read(self, line: bytes) -> None:
        charge, self._seal = _opened(line, len(self._charges) + 1, self._seal, self.path)
        self._charges.append(charge)

    def _append(self, lines: bytes) -> None:
        """Write after the last whole line, over whatever a failed attempt left there, down to the disk."""
        os.ftruncate(self._handle, self._size)
        written = 0
        while written < len(lines):
            written += os.pwrite(self._handle, lines[written:], self._size + written)
        os.fsync(self._handle)
        self._size += len(lines)

    def _unwritable(self, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"{self.path}: the ledger could not be kept ({error.strerror}), so nothing may leave; "
            "free some space or choose another folder"
        )


def read_charges(path: Path) -> tuple[Charge, ...]:
    """Every charge in a ledger's file, oldest first, whoever has it open; none where there is no file.

    A last line that is torn is left out: its charge has not returned yet, or never did.

    Raises:
        Corrupt: as `LedgerFile`.
        Misconfigured: the file cannot be read.
    """
    try:
        *lines, tail = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Misconfigured(f"{path}: the ledger could not be read ({error.strerror})") from None
    charges: list[Charge] = []
    seal = _FIRST
    for line in lines:
        charge, seal = _opened(line, len(charges) + 1, seal, path)
        charges.append(charge)
    with suppress(Corrupt):
        charges.append(_opened(tail, len(charges) + 1, seal, path)[0])
    return tuple(charges)


def _counts(charges: list[Charge]) -> dict[PrivacyEvent, int]:
    counts: dict[PrivacyEvent, int] = {}
    for charge in charges:
        counts[charge.event] = counts.get(charge.event, 0) + 1
    return counts


def _opened(line: bytes, sequence: int, previous: str, path: Path) -> tuple[Charge, str]:
    """The charge of a line, and its seal."""
    try:
        content = json.loads(line)
        charge = Charge(sequence, content["round"], privacy_event_from_fields(content["event"]))
        expected, seal = _sealed(charge, previous)
        if expected != line:
            raise ValueError("another line before it, or another content")
    except (ValueError, TypeError, KeyError, RecursionError, Misconfigured):
        raise Corrupt(
            f"{path}: line {sequence}: expected the charge that follows those before it, got another or none; "
            "bring the file back from a copy at least as new, as what it held stays spent"
        ) from None
    return charge, seal


def _sealed(charge: Charge, previous: str) -> tuple[bytes, str]:
    """The line of a charge without its end, and its seal."""
    content = {
        "sequence": charge.sequence,
        "round": charge.round_number,
        "event": privacy_event_to_fields(charge.event),
    }
    seal = hashlib.sha256((previous + json.dumps(content)).encode()).hexdigest()
    return json.dumps({**content, "seal": seal}).encode(), seal


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
