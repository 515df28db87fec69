"""A ledger that survives crashes: one line for each charge, on disk before anything leaves, sealed with those before.

Alone it cannot notice last lines taken away whole, or an older copy put back in its place: see `LedgerHead`.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import Corrupt, Misconfigured, NotYet
from shared.locks import try_lock
from shared.privacy.budget import LedgerBudget
from shared.privacy.events import Level, PrivacyEvent
from shared.privacy.ledger import Ledger
from shared.privacy.ledger_lines import FIRST_SEAL, Charge, ReadLedger, opened_line, sealed_line
from shared.privacy.periods import check_spending


class LedgerFile:
    """Charges against a budget in an append-only file of mode 0600; one process has it open at a time.

    Each line ends in a seal: the SHA-256 of the seal before and of its own content. A charge returns once its line is
    on disk, so a last line that is torn belongs to a charge that never returned: nothing left under it, and it is
    dropped on opening. A last line that is whole but for its line end counts. Needs a POSIX system.
    """

    def __init__(self, path: Path, budget: LedgerBudget, make: bool = True) -> None:
        """Open the ledger at a path.

        Args:
            path: of the file.
            budget: that charges are held against.
            make: start a ledger where there is none; else that is Misconfigured.

        Raises:
            Corrupt: a line is not what was written, or lines are missing between; the file is as it was.
            NotYet: another process has it open.
            Misconfigured: the file cannot be opened or written.
        """
        self.path = path
        self._budget = budget
        self._charges: list[Charge] = []
        self._seals: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            self._take()
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
    def content(self) -> ReadLedger:
        """Every charge and its seal."""
        return ReadLedger(tuple(self._charges), tuple(self._seals))

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge, oldest first."""
        return tuple(self._charges)

    def epsilon(self, level: Level) -> float:
        """Epsilon of a level spent so far, at the delta of its budget."""
        return Ledger(self._budget, Counter(self.content.events)).epsilon(level)

    def charge(self, *events: PrivacyEvent, round_number: int, day: int = 0) -> tuple[Charge, ...]:
        """Add events, all of them or none, and return once they are on disk.

        Args:
            events: what is charged.
            round_number: of the federation.
            day: in whole days since 1970 UTC; that of the last charge where it is earlier.

        Raises:
            Refused: a budget would be exceeded; nothing is written.
            Misconfigured: the round is no whole number, or the disk cannot take the charge. Nothing may leave then; at
                worst it counts when opened again.
        """
        day = max(day, self.content.last_day)
        check_spending(self._budget, ((one.day, one.event) for one in self._charges), events, day)
        return self._add(events, round_number, day)

    def put_back(self, events: Iterable[PrivacyEvent], day: int) -> tuple[Charge, ...]:
        """Add events that were charged before and lost, whatever the budget says: nothing leaves under them.

        Raises:
            Misconfigured: the disk cannot take them.
        """
        return self._add(tuple(events), None, max(day, self.content.last_day))

    def _add(self, events: tuple[PrivacyEvent, ...], round_number: int | None, day: int) -> tuple[Charge, ...]:
        first = len(self._charges) + 1
        added = tuple(Charge(first + place, round_number, event, day) for place, event in enumerate(events))
        lines, seals = b"", [self._seal]
        for charge in added:
            line, seal = sealed_line(charge, seals[-1])
            lines += line + b"\n"
            seals.append(seal)
        try:
            self._append(lines)
        except OSError as error:
            raise self._unwritable(error) from None
        self._seals.extend(seals[1:])
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

    @property
    def _seal(self) -> str:
        return self._seals[-1] if self._seals else FIRST_SEAL

    def _read(self, line: bytes) -> None:
        charge, seal = opened_line(line, len(self._charges) + 1, self._seal, self.path)
        self._charges.append(charge)
        self._seals.append(seal)

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


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
