"""A process that writes until it is killed, and says what was acknowledged.

It waits, warm, for a line with the number to begin at; then a child of its own opens the store anew, writes events,
deletes some, charges the ledger and answers rounds, one line on standard output after each call that returned. When
the child has ended, "end" follows.
"""

import os
import sys
from pathlib import Path

from client.store import Store
from shared.behaviour import Event, EventKind
from shared.privacy import LedgerBudget, SummedGaussian
from tests.support.records import file_record

BUDGET = LedgerBudget(user_epsilon=1e6)
CHARGE = SummedGaussian("update", 1e-9)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(folder: Path, key: bytes, number: int) -> None:
    record = file_record(folder)
    store = Store.open(folder / "store.sqlite", key)
    while True:
        batch = [f"{number}.{part}" for part in range(1 + number % 3)]
        events = [Event(float(number), EventKind.SEARCH, text=name + " x" * (number % 700)) for name in batch]
        ids = store.append(events, batch)
        say("event", *(f"{name}={row}" for name, row in zip(batch, ids, strict=True)))
        if number % 7 == 0:
            store.delete(ids)
            say("deleted", *ids)
        record.reserve_round("update", number)
        say("round", number)
        record.charge(BUDGET, (CHARGE,), number)
        say("charge", number)
        number += 1


def main() -> None:
    folder, key = Path(sys.argv[1]), bytes.fromhex(sys.argv[2])
    for line in sys.stdin:
        child = os.fork()
        if not child:
            write(folder, key, int(line))
        say("began", child)
        os.waitpid(child, 0)
        say("end")


if __name__ == "__main__":
    main()
