"""Does anything but the sum depend on a device's log: whether, what, in what size, at what charge, or when it answers?

* Claim: once policy, budget and round say yes, a device answers alike for every log, the empty one included.
* Adversary: the server, which sees every answer and its time to a microsecond, without a network in between.
* Unit: everything one person ever did. Neighbours: two logs, whatever is in them.
* Method: devices with an empty log, an ordinary one, one of words that nobody sells and one that cannot be read answer
  the first question of a masked sum of every task; kind, fields, size and charge are compared. Then devices with an
  empty and with a full log answer again and again, each in a slot of the length that the round grants, and the times of
  their answers are compared by the two-sample test of Kolmogorov and Smirnov.
* Bar: exact equality; a probability of at least one in a thousand that both times have one law.
* Controls: a device that lets out what goes wrong over its log, and one that answers as soon as its work is done.
* Paper: Kocher 1996, [Timing Attacks on Implementations of Diffie-Hellman, RSA, DSS, and Other
  Systems](https://doi.org/10.1007/3-540-68697-5_9).
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import ks_2samp

from client import LEDGER, in_slot
from shared.behaviour import Event, EventKind
from shared.errors import NotYet
from shared.tasks import TASK_ROWS, TASKS, Task
from simulations.audits.audit import AuditResult
from simulations.audits.one_device import BINDING, Ground, Look, Observed, Question, Respondent, ground_of
from simulations.engine import one_thread

_SLOT_SECONDS = 0.3  # many times what the work of a full log takes here
_ITEMS, _EVENTS, _MEMBERS = 60, 64, 50
_BAR, _CAUGHT_BELOW = 1e-3, 1e-6
_SETTINGS = (
    *BINDING,
    "model.concepts=8",
    "model.dense_trained=16",
    "privacy.level=user",
    "windows.events=8",
    "windows.per_device=8",
    "windows.sampling_probability=1.0",
    'training.groups=["dense", "concepts", "bias"]',
    "training.rounds=1000",
    "privacy.participations.update=1000",
    "round.minimum_answers=50",
    "statistics.pairs_of=8",
    f"round.answer_seconds={{update={_SLOT_SECONDS}, statistics={_SLOT_SECONDS}, evaluation={_SLOT_SECONDS}}}",
)


class _Unreadable(Sequence[Event]):
    """A log of which nothing can be had."""

    def __getitem__(self, place: object) -> Event:  # type: ignore[override]
        raise OSError("a disk that is broken")

    def __len__(self) -> int:
        raise OSError("a disk that is broken")


def audit_log_independence(seed: int, joins: int = 50) -> AuditResult:
    """Run it, with so many timed answers of each device."""
    with one_thread():  # what is forked has no other
        ground = settled_ground()
        logs = made_up_logs(ground, seed)
        different = sum(len(answers_of(ground, task, logs, seed, keep)) - 1 for task in TASKS)
        leaking = sum(len(answers_of(ground, task, logs, seed, let_out)) - 1 for task in TASKS)
        shipped, at_once = (
            _same_law(ground, (logs["empty"], logs["full"]), seed, joins, run) for run in (in_slot, None)
        )
    return AuditResult(
        passes=different == 0 and shipped >= _BAR,
        control_caught=leaking > 0 and at_once < _CAUGHT_BELOW,
        statistic=float(different) if different else shipped,
        bar=0.0 if different else _BAR,
        interval=None,
        control=at_once,
        sentence=f"Four logs in {len(TASKS)} tasks: {different} answers differ in kind, fields, size or charge from "
        f"that of an empty log ({leaking} where failures get out). Times of {joins} answers of an empty and as many of "
        f"a full log have one law with probability {shipped:.3g} ({at_once:.2g} where answers leave as they are made).",
    )


def settled_ground() -> Ground:
    """The federation that is asked, over a part of the demo's items."""
    return ground_of(_SETTINGS, _ITEMS)


def made_up_logs(ground: Ground, seed: int) -> dict[str, Sequence[Event]]:
    """Logs that a server would like to tell apart, by name."""
    rng = np.random.default_rng(seed)
    return {
        "empty": (),
        "full": ground.log_of(rng.integers(0, _ITEMS, _EVENTS)),
        "unknown words": [Event(float(place), EventKind.SEARCH, text="\x00 膝盖疼 " * 200) for place in range(40)],
        "unreadable": _Unreadable(),
    }


def answers_of(
    ground: Ground, task: Task, logs: dict[str, Sequence[Event]], seed: int, observe: Observed
) -> set[tuple[Look, str]]:
    """What is seen of the answers to one question over these logs, and what devices were charged for them."""
    question, seen = _question(ground, task, 0), set()
    for log in logs.values():
        look = Respondent(log, log[-1:] if isinstance(log, list) else (), seed, observe=observe).look(question)
        charged = Respondent(log, seed=seed)
        charged.words(question, _MEMBERS)
        seen.add((look, charged.state[LEDGER]))
    return seen


def _same_law(
    ground: Ground, logs: Sequence[Sequence[Event]], seed: int, joins: int, run: Callable[..., object] | None
) -> float:
    """Probability of times as far apart as these, if those of both devices had one law."""
    devices = [Respondent(log, seed=seed, number=number, run=run) for number, log in enumerate(logs)]
    times: list[list[float]] = [[] for _ in devices]
    order = np.random.default_rng(seed)
    for place in range(joins + 1):
        question = _question(ground, "update", place)
        for device, taken in sorted(zip(devices, times, strict=True), key=lambda _: order.random()):
            began = time.perf_counter()
            device.look(question)
            taken.append(time.perf_counter() - began)
    return float(ks_2samp(*(taken[1:] for taken in times)).pvalue)  # the first brings packages in


def _question(ground: Ground, task: Task, place: int) -> Question:
    number = TASK_ROWS[task].rounds(ground.federation)[place]
    return Question(ground, task, number, ground.federation.trained_groups if task == "update" else ())


def keep(request: object, failure: str | None) -> None:
    """What goes wrong stays on the device."""


def let_out(request: object, failure: str | None) -> None:
    """The fault: what goes wrong over a log gets out of the device, before its answer is charged."""
    if failure is not None:
        raise NotYet(f"{failure}")
