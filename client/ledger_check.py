"""Whether a ledger is whole, by what else knows of it: its heads, the last rounds, and what the server has had.

Of two that differ, the one that says more was spent is believed.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from shared.errors import Corrupt, Misconfigured
from shared.privacy import LedgerHead, ReadLedger
from shared.tasks import TASKS, Task

Known = Mapping[Task, tuple[int, int]]
"""Of each task, how many answers a ledger must hold at least, and the last of the rounds answered."""


def faults(held: ReadLedger | None, heads: Mapping[str, LedgerHead | None], known: Known) -> list[str]:
    """What speaks against a ledger being whole, one sentence each; nothing where all agree.

    Args:
        held: the ledger; None where there is no file.
        heads: by the name of their place; None where one is lost.
        known: what the server has had.
    """
    found = []
    if held is None:
        found.append("expected the ledger that was made with the device, found none")
        held = ReadLedger()
    for place, head in heads.items():
        if head is None:
            found.append(f"expected the ledger's head in {place}, found none that is this device's")
        elif held and held.head.count < head.count:
            found.append(f"expected {head.count} charges as in {place}, got {held.head.count}")
        elif head.missing(held.seals, held.events):
            found.append(f"expected the charges that {place} knows of, got others")
    answered = answers_in(held)
    for task, (count, _) in known.items():
        if answered[task] < count:
            found.append(f"expected {count} answers of {task} as the server has had, got {answered[task]}")
    return found


def answers_in(held: ReadLedger) -> Counter[Task]:
    """How many answers of each task a ledger has charges for: each has one charge at user level."""
    return Counter(charge.task for charge in held.charges if charge.level == "user")


def all_rounds(rounds: Mapping[Task, int], held: ReadLedger | None, known: Known) -> dict[Task, int]:
    """The last round of each task: the latest that any of the three knows of."""
    last = dict(rounds)
    for charge in held.charges if held else ():
        if charge.round_number is not None:
            last[charge.task] = max(last.get(charge.task, -1), charge.round_number)
    for task, (_, number) in known.items():
        last[task] = max(last.get(task, -1), number)
    return last


def last_rounds(path: Path) -> dict[Task, int]:
    """The last round answered of each task, as it was written down; none where there is no file.

    Raises:
        Corrupt: the file is not what was written.
        Misconfigured: it cannot be read.
    """
    try:
        rounds = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path}: the last rounds could not be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        rounds = None
    if not isinstance(rounds, dict) or not all(
        task in TASKS and type(number) is int and number >= 0 for task, number in rounds.items()
    ):
        raise Corrupt(
            f"{path}: expected the last round of each task, got something else, so no round is answered; bring the "
            f"file back from a copy at least as new, or mend it with: hushrec-device check {path.parent} --mend"
        )
    return rounds
