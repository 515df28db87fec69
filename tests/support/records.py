"""What a person's device writes down, in tests: the files of a record, made where there are none."""

import time
from collections.abc import Callable
from pathlib import Path

from client.file_record import FileRecord
from client.ledger_check import Known
from client.ledger_heads import SealedHead
from shared.privacy import LedgerBudget, LedgerFile, LedgerHead


def file_record(
    folder: Path, known: Callable[[], Known] = dict, now_seconds: Callable[[], float] = time.time
) -> FileRecord:
    """The record in a folder, its head sealed with a key that everybody knows."""
    head = SealedHead(folder / "ledger.head", lambda: bytes(32))
    if not (folder / "ledger.head").exists():
        LedgerFile(folder / "ledger.jsonl", LedgerBudget()).close()
        head.keep(LedgerHead())
    return FileRecord(folder / "ledger.jsonl", folder / "rounds.json", (head,), known, now_seconds)
