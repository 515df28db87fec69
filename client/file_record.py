"""What a person's device writes down: its ledger, the last rounds, and what else knows of them, which must all agree.

Rounds are written before a round is answered; then comes the charge, in the ledger; then the ledger's head, in places
of its own. So after a crash at any moment a head is behind its ledger at most. A ledger behind a head, or behind what
the server has had, has lost charges: nothing is answered until they are put back (`client.mending`).
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from client.budget_guard import with_round
from client.home import Home
from client.ledger_check import Known, all_rounds, faults, last_rounds
from client.ledger_heads import HeadPlace, head_places
from client.receipts import known_of
from client.wall_clock import WallClock
from shared.errors import Refused
from shared.files import write_atomically
from shared.locks import exclusive
from shared.privacy import (
    LedgerBudget,
    LedgerFile,
    LedgerHead,
    PrivacyEvent,
    ReadLedger,
    check_spending,
    day_of,
    read_ledger,
)
from shared.tasks import Task


class FileRecord:
    """A `RoundRecord` in files. A person's device keeps its promises there."""

    def __init__(
        self,
        ledger: Path,
        rounds: Path,
        heads: Sequence[HeadPlace],
        known: Callable[[], Known] = dict,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """Read nothing yet.

        Args:
            ledger: file of the charges; made with the device.
            rounds: file of the last rounds; absent before the first.
            heads: places of the ledger's head, of which each has one from the beginning.
            known: what the server has had of this device.
            now_seconds: since 1970 UTC; says the day of a charge.
        """
        self._ledger, self._rounds, self._heads = ledger, rounds, heads
        self._known, self._now_seconds = known, now_seconds

    def __repr__(self) -> str:
        return "FileRecord()"

    def reserve_round(self, task: Task, number: int) -> None:
        """See `RoundRecord`. Rounds that the ledger or the server knows of count as well.

        Raises:
            Corrupt: the file is not what was written; no round is answered then.
            Misconfigured: it cannot be read or written.
        """
        known = self._known()
        with exclusive(self._rounds.with_name(f".{self._rounds.name}.lock"), "", math.inf):
            rounds = all_rounds(last_rounds(self._rounds), read_ledger(self._ledger), known)
            write_atomically(self._rounds, with_round(rounds, task, number).encode())

    def check(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...]) -> None:
        """See `RoundRecord`.

        Raises:
            Refused: also where charges were lost.
            NotYet, Misconfigured, Corrupt: a place of the head cannot be asked, or the ledger cannot be read.
        """
        known, heads = self._known(), self._read_heads()  # before the ledger, which is never behind them
        held = read_ledger(self._ledger)
        self._check_whole(held, heads, known)
        charges = () if held is None else held.charges
        day = max(day_of(self._now_seconds()), held.last_day if held else 0)
        check_spending(budget, ((one.day, one.event) for one in charges), events, day)

    def charge(self, budget: LedgerBudget, events: tuple[PrivacyEvent, ...], number: int) -> None:
        """See `RoundRecord`.

        Raises:
            Refused, NotYet, Misconfigured, Corrupt: as `check`. Nothing may leave then; at worst it is charged.
        """
        known, day = self._known(), day_of(self._now_seconds())
        if not self._ledger.exists():
            self._check_whole(None, self._read_heads(), known)
        with LedgerFile(self._ledger, budget, make=False) as ledger:
            self._check_whole(ledger.content, self._read_heads(), known)
            ledger.charge(*events, round_number=number, day=day)
            for place in self._heads:
                place.keep(ledger.content.head)

    def _read_heads(self) -> dict[str, LedgerHead | None]:
        return {place.name: place.read() for place in self._heads}

    def _check_whole(self, held: ReadLedger | None, heads: Mapping[str, LedgerHead | None], known: Known) -> None:
        for fault in faults(held, heads, known):
            raise Refused(
                f"{self._ledger}: {fault}; nothing is answered until what was lost is charged again: "
                f"hushrec-device check {self._ledger.parent} --mend",
                code="ledger-behind",
            )


def device_record(home: Home, now_seconds: Callable[[], float] | None = None) -> FileRecord:
    """The record of a person's device.

    Raises:
        Misconfigured, Corrupt: a key or the membership is not what it must be.
    """
    clock = now_seconds or WallClock(home.clock)
    return FileRecord(home.ledger, home.rounds, head_places(home.head, home.keys), lambda: known_of(home), clock)
