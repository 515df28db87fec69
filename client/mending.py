"""What is wrong with what a device has written down, and how it is mended: what may have been lost is charged again.

A mend never gives budget back. What a head of the ledger, or the server's receipt, knows of is charged as they say;
where no head is left, as much as the rounds allow; where these are lost as well, all that is left of a life.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from client.budget_guard import budget
from client.home import Home
from client.ledger_check import Known, all_rounds, answers_in, faults, last_rounds
from client.ledger_heads import head_places
from client.membership import Membership
from client.receipts import known_of
from client.releases import ChainPast, Superseded
from client.wall_clock import kept_seconds
from shared.charges import local_charge, user_charge
from shared.errors import Corrupt, Misconfigured, Refused
from shared.federation import FederationFile
from shared.files import write_atomically
from shared.privacy import (
    Ledger,
    LedgerBudget,
    LedgerFile,
    LedgerHead,
    PrivacyEvent,
    ReadLedger,
    SummedWindow,
    day_of,
    read_ledger,
)
from shared.tasks import TASK_ROWS, Task

_AHEAD_SECONDS = 86_400.0
_WINDOW_OVER_PERSON = 4.0  # most that one window is charged over what its person is, see `charges_of`
_MOST_ANSWERS = 2**20


def check_device(home: Home, system_seconds: Callable[[], float] = time.time) -> list[str]:
    """What is wrong, one sentence each; nothing where all is well. Nothing is changed.

    Raises:
        NotYet, Misconfigured, Corrupt: a key, the keyring or the membership is not what it must be.
    """
    found = []
    for look in (lambda: read_ledger(home.ledger), lambda: last_rounds(home.rounds), lambda: ChainPast.load(home.past)):
        try:
            look()
        except Corrupt as reason:
            found.append(str(reason))
    held = read_ledger(home.ledger, whole=False)
    found += [f"{home.ledger}: {fault}" for fault in faults(held, _heads(home), known_of(home))]
    try:
        ahead = kept_seconds(home.clock) - system_seconds()
    except Corrupt as reason:
        found.append(str(reason))
    else:
        if ahead > _AHEAD_SECONDS:
            found.append(
                f"{home.clock}: expected the latest moment this device has seen, got one {ahead / 86_400:.0f} days "
                "ahead of the system's clock; set the clock right, then mend"
            )
    return found


def superseded_publications(home: Home) -> tuple[Superseded, ...]:
    """The publications that this device took and the server has replaced by others; none where that is damaged."""
    try:
        return ChainPast.load(home.past).superseded
    except Corrupt:  # `check_device` says so
        return ()


def mend_device(home: Home, system_seconds: Callable[[], float] = time.time) -> list[str]:
    """Mend what `check_device` finds; a crash in the midst costs budget at worst.

    Returns:
        what was done, one sentence each.

    Raises:
        NotYet, Misconfigured, Corrupt: as `check_device`; or what was lost cannot be priced, or a file not be written.
    """
    return [*_mend_ledger(home, day_of(system_seconds())), *_mend_clock(home.clock, system_seconds())]


def _mend_ledger(home: Home, day: int) -> list[str]:
    held, known, heads = read_ledger(home.ledger, whole=False), known_of(home), _heads(home)
    damaged = _is_corrupt(lambda: read_ledger(home.ledger))
    lost_rounds = _is_corrupt(lambda: last_rounds(home.rounds))
    if not (damaged or lost_rounds or faults(held, heads, known)):
        return []
    rounds = None if lost_rounds or not home.rounds.exists() else last_rounds(home.rounds)
    lost = _lost(home, held or ReadLedger(), heads, known, rounds)
    if damaged:
        _keep_whole_lines(home.ledger, held or ReadLedger())
    with LedgerFile(home.ledger, LedgerBudget()) as ledger:
        ledger.put_back(lost.elements(), day)
        for place in head_places(home.head, home.keys):
            place.keep(ledger.content.head)
        last = all_rounds(rounds or {}, ledger.content, known)
    if last:
        write_atomically(home.rounds, json.dumps(last, sort_keys=True).encode())
    answers = Counter(event.task for event in lost.elements() if event.level == "user")
    said = ", ".join(f"{task} {count}" for task, count in answers.items()) or "none"
    return [f"{home.ledger}: mended; answers charged again: {said}"]


def _lost(
    home: Home,
    held: ReadLedger,
    heads: Mapping[str, LedgerHead | None],
    known: Known,
    rounds: Mapping[Task, int] | None,
) -> Counter[PrivacyEvent]:
    """At least what the ledger has lost."""
    lost: Counter[PrivacyEvent] = Counter()
    for head in heads.values():
        if head is not None:
            lost |= head.missing(held.seals, held.events)
    answered = answers_in(held) + Counter(event.task for event in lost.elements() if event.level == "user")
    least = {task: count for task, (count, _) in known.items()}
    if all(head is None for head in heads.values()):
        federation = _agreed(home)
        for task in federation.privacy.tasks:
            life = _answers_of_a_life(federation, task)
            asked = TASK_ROWS[task].rounds(federation)
            possible = life if rounds is None else min(life, sum(number <= rounds.get(task, -1) for number in asked))
            least[task] = max(least.get(task, 0), possible)
    for task, count in least.items():
        short = max(0, count - answered[task])
        for event in _most_of_an_answer(_agreed(home), task, {*held.events, *lost}) if short else ():
            lost[event] += short
    return lost


def _most_of_an_answer(
    federation: FederationFile, task: Task, seen: Collection[PrivacyEvent]
) -> tuple[PrivacyEvent, ...]:
    """What one answer was charged at most, whatever its round.

    Of a window it is what was charged before, where all rounds of the task charge the same; else the most there is.
    """
    user = user_charge(federation, task)
    if user is None:
        return ()
    events: list[PrivacyEvent] = [user]
    if federation.privacy.event:
        before = [event.rho for event in seen if isinstance(event, SummedWindow) and event.task == task]
        alike = task != "statistics"
        events.append(SummedWindow(task, max(before) if before and alike else _WINDOW_OVER_PERSON * user.rho))
    local = local_charge(federation, task)
    return (*events, local) if local is not None else tuple(events)


def _answers_of_a_life(federation: FederationFile, task: Task) -> int:
    """After how many answers of a task alone the budget of a life takes no more of them."""
    user, life = user_charge(federation, task), budget(federation)
    if user is None:
        return 0

    def fits(count: int) -> bool:
        try:
            Ledger(life, {user: count - 1} if count > 1 else {}).after(user)
        except Refused:
            return False
        return True

    low, high = 0, 1
    while high < _MOST_ANSWERS and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _agreed(home: Home) -> FederationFile:
    if not home.membership.exists():
        raise Misconfigured(
            f"{home.membership}: expected the terms by which what was lost is charged, found none; bring the file back "
            "from a copy"
        )
    return Membership.load(home.membership).agreed()


def _mend_clock(path: Path, now: float) -> list[str]:
    if not _is_corrupt(lambda: kept_seconds(path)) and kept_seconds(path) <= now + _AHEAD_SECONDS:
        return []
    write_atomically(path, b"%d\n" % now)
    return [
        f"{path}: mended; the device goes by the system's clock again, and certificates that expired since may hold"
    ]


def _keep_whole_lines(path: Path, held: ReadLedger) -> None:
    """The ledger without what cannot be read, which stays beside it."""
    content = path.read_bytes()
    write_atomically(path.with_name(f"{path.name}.damaged-{time.time_ns()}"), content)
    lines = content.split(b"\n")[: len(held.charges)]
    write_atomically(path, b"".join(line + b"\n" for line in lines))


def _heads(home: Home) -> dict[str, LedgerHead | None]:
    return {place.name: place.read() for place in head_places(home.head, home.keys)}


def _is_corrupt(look: Callable[[], object]) -> bool:
    try:
        look()
    except Corrupt:
        return True
    return False
