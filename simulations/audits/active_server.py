"""Can a server that makes its own catalogues, indexes and models tell who met a certain item?

* Claim: whether, with what kind of message and in what size a device answers tells nothing of its log; and what its
  answer adds to a sum tells no more than its charge allows.
* Adversary: an active server that signs releases and chooses parameters made for one item, and knows all that colluding
  members know. Time is another audit's (`log_independence`).
* Unit: one person. Neighbours: a person who met the item, and one who met another in its place; the charge is for the
  person's whole vector made zero, so it covers either.
* Method: five traps, for every task that they apply to, against devices with and without the item. The answer to the
  first question of a masked sum is compared. The words in the sum, under the noise of the honest devices that are
  surely there, are projected onto the direction, and held against the threshold, that the server learns on made-up
  devices of its own.
* Bar: answers look the same, exactly; the advantage of the best guess is at most (e^eps - 1) / (e^eps + 1) and delta.
* Control: a device that lets out what goes wrong over its log.
* Papers: Kairouz, Oh, Viswanath 2015, [The Composition Theorem for Differential Privacy](https://arxiv.org/abs/1311.0776)
  (what a charge allows); Boenisch et al. 2023, [When the Curious Abandon Honesty](https://arxiv.org/abs/2112.02918)
  (traps in model weights).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from client import LEDGER, RoundRequest
from shared.catalogue import Catalogue
from shared.charges import user_charge
from shared.companions import Companions
from shared.errors import NotYet
from shared.model import Vector
from shared.privacy import composed_epsilon
from shared.tasks import TASK_ROWS, TASKS, Task
from simulations.audits.attack_statistics import advantage_of, allowed_advantage
from simulations.audits.audit import AuditResult
from simulations.audits.one_device import (
    BINDING,
    Ground,
    Look,
    Observed,
    Question,
    Respondent,
    chance_of,
    ground_of,
    noise_of,
)
from simulations.engine import one_thread

COHORT = 50
_GROUPS = ("dense", "concepts", "bias")
_SETTINGS = (
    *BINDING,
    "model.concepts=8",
    "model.dense_trained=16",
    "privacy.level=user",
    "windows.events=8",
    "windows.per_device=2",
    "windows.sampling_probability=1.0",
    "windows.negatives=16",
    'training.groups=["dense", "concepts", "bias"]',
    f"round.minimum_answers={COHORT}",
)
_ITEMS, _DECOYS, _TARGET = 60, 20, 0  # the last items are decoys, which nobody ever meets
_EVENTS, _TARGET_PLACES = 12, (3, 6)
_LEARNT_ON = 24  # made-up devices of the server's own, with the item and without
# The others' noise is drawn anew so often for one answer, of which the device's own share is 1/45: fewer times for long
# answers and many people.
_DRAWS, _DRAWN, _SEEN = 16, 2048, 800
_WITH_PARAMETERS: tuple[Task, ...] = ("update", "evaluation")
_FAULT: tuple[Task, str] = ("evaluation", "catalogue of one item")  # the control's question, and its trap
_CAUGHT_FROM = 0.95


@dataclass(frozen=True)
class Trap:
    """A release and parameters that are made for one item.

    Attributes:
        ground: the federation, with the release that the server signs.
        vector: parameters that it sends; those of the release when left out.
        tasks: those that see the trap.
    """

    ground: Ground
    vector: Vector | None = None
    tasks: tuple[Task, ...] = _WITH_PARAMETERS

    def question(self, task: Task, openly: bool = False) -> Question:
        """What a device is asked; openly for what the server computes on its own."""
        ground = self.ground.without_privacy() if openly else self.ground
        number = TASK_ROWS[task].rounds(ground.federation)[0]
        return Question(ground, task, number, _GROUPS if task == "update" else (), self.vector)


def traps_on(ground: Ground) -> dict[str, Trap]:
    """The traps, by name."""
    release, layout = ground.release, ground.model.layout
    rows = [_TARGET, *range(_ITEMS - _DECOYS, _ITEMS)]
    only = np.zeros((_ITEMS, 1), np.float32)
    only[_TARGET] = 1
    huge = release.index.copy()
    huge[_TARGET] *= np.float32(1e30)
    text = release.index[_TARGET]
    places = {block.name: block.slice for block in layout.blocks}
    spike, concept = release.vector.copy(), release.vector.copy()
    spike[places["bias.weight"]] = 1e3 * text / float(text @ text)
    centres = concept[places["concepts.weight"]].reshape(-1, len(text))
    centres[0], centres[1:] = text, -release.index[1 : len(centres)]

    def signing(**changes: object) -> Ground:
        return replace(ground, release=replace(release, **changes))  # type: ignore[arg-type]

    fewer = signing(
        catalogue=Catalogue([release.catalogue[row] for row in rows]),
        index=release.index[rows],
        log_popularity=release.log_popularity[rows],
        companions=Companions.none(len(rows)),
    )
    return {
        "catalogue of one item": Trap(fewer, tasks=TASKS),
        "index of one row": Trap(signing(index=release.index * only)),
        "one huge row": Trap(signing(index=huge)),
        "spike in the bias": Trap(ground, spike),
        "concept of one item": Trap(ground, concept),
    }


@one_thread()
def run_active_server(seed: int, people: int = 200) -> AuditResult:
    """Set every trap for every task that it applies to.

    Args:
        seed: of people and of all chance.
        people: who are asked in each trap: every other one has the item.
    """
    ground = ground_of(_SETTINGS, _ITEMS)
    traps = traps_on(ground)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers too large are among the traps
        outcomes = {
            f"{name}, {task}": _sprung(ground, name, trap, task, seed, people)
            for name, trap in traps.items()
            for task in trap.tasks
        }
        task, name = _FAULT
        fault = _look_advantage(_looks(ground, traps[name].question(task), seed, people, _let_out))
    by_looks = max(outcome.by_looks for outcome in outcomes.values())
    name, worst = max(outcomes.items(), key=lambda entry: entry[1].advantage - entry[1].allowed)
    return AuditResult(
        passes=by_looks == 0 and all(outcome.advantage <= outcome.allowed for outcome in outcomes.values()),
        control_caught=fault >= _CAUGHT_FROM,
        statistic=by_looks or worst.advantage,
        bar=0.0 if by_looks else worst.allowed,
        interval=None if by_looks else worst.interval,
        control=fault,
        sentence=(
            f"Over {people} devices and {len(outcomes)} pairs of trap and task, whether and how a device answers "
            f"gives an advantage of {by_looks:g} in telling who met the item. Its words in the sum come closest to "
            f"what their charge allows with {worst.advantage:.3f} ({worst.interval[0]:.3f} to {worst.interval[1]:.3f}) "
            f"of {worst.allowed:.3f} ({name}). A device whose failures get out gives {fault:.3f}, at no charge."
        ),
    )


@dataclass(frozen=True)
class _Outcome:
    by_looks: float
    advantage: float
    interval: tuple[float, float]
    allowed: float


def _sprung(ground: Ground, name: str, trap: Trap, task: Task, seed: int, people: int) -> _Outcome:
    question, openly = trap.question(task), trap.question(task, openly=True)
    by_looks = _look_advantage(_looks(ground, question, seed, people))
    if by_looks:  # nobody need wait for the sum
        return _Outcome(by_looks, by_looks, (by_looks, by_looks), 0.0)
    direction, threshold = _learnt(ground, openly, seed)
    scale = question.cohort(COHORT).scale / openly.cohort(COHORT).scale
    seen: dict[bool, list[float]] = {False: [], True: []}
    for number in range(people):
        has = bool(number % 2)
        device = _person(ground, has, seed, number)
        words = device.words(question, COHORT)
        others = question.cohort(COHORT).honest_survivors - 1
        chance = chance_of(seed, name, task, number)
        for _ in range(max(1, min(_DRAWS, _DRAWN // len(words), _SEEN // people))):
            total = words + noise_of(question, COHORT, others, chance)
            seen[has].append(float(total.astype(np.uint32).astype(np.int32) @ direction) / scale)
    without, having = np.array(seen[False]), np.array(seen[True])
    advantage, interval = advantage_of(without, having, threshold)
    return _Outcome(0.0, advantage, interval, _allowed(ground, task))


def _learnt(ground: Ground, openly: Question, seed: int) -> tuple[NDArray[np.float64], float]:
    """Direction of what the item adds, and the middle between devices with and without, from noiseless words."""
    means = []
    for has in (False, True):
        made_up = [_person(ground, has, seed, -1 - number) for number in range(_LEARNT_ON)]
        means.append(np.mean([device.words(openly, COHORT) for device in made_up], 0))
    direction = means[1] - means[0]
    return direction, float(direction @ (means[0] + means[1]) / 2)


def _allowed(ground: Ground, task: Task) -> float:
    """Advantage that the charge of one answer allows."""
    charge, delta = user_charge(ground.federation, task), ground.federation.privacy.user_delta
    if charge is None:
        return 0.0
    return allowed_advantage(composed_epsilon({charge: 1}, delta), delta)


def _looks(
    ground: Ground, question: Question, seed: int, people: int, observe: Observed = lambda request, failure: None
) -> tuple[Counter[Look], Counter[Look]]:
    """What the answers of devices without the item look like, and of those with it; none of them is charged yet."""
    seen: tuple[Counter[Look], Counter[Look]] = (Counter(), Counter())
    for number in range(people):
        device = _person(ground, bool(number % 2), seed, number, observe)
        seen[number % 2][device.look(question)] += 1
        if LEDGER in device.state:
            raise RuntimeError("active server: expected no charge before words leave, got one")
    return seen


def _look_advantage(looks: Sequence[Counter[Look]]) -> float:
    """Total variation between what is seen of two groups of devices: what the best guess gains; 0 if exactly equal."""
    shares = [{look: count / group.total() for look, count in group.items()} for group in looks]
    return sum(abs(shares[0].get(look, 0.0) - shares[1].get(look, 0.0)) for look in {*shares[0], *shares[1]}) / 2


def _person(
    ground: Ground, has: bool, seed: int, number: int, observe: Observed = lambda request, failure: None
) -> Respondent:
    """A device whose log is drawn by its number, with the item in two places of a window and kept out, or without."""
    rng = np.random.default_rng([seed, number + 2**32])
    rows = rng.permutation(np.arange(1, _ITEMS - _DECOYS))[: _EVENTS + 1]
    if has:
        rows[[*_TARGET_PLACES, -1]] = _TARGET
    log = ground.log_of(rows)
    make = partial(Respondent, seed=int(rng.integers(2**31)), number=number % 256, observe=observe)
    return make(log[:-1], log[-1:])


def _let_out(request: RoundRequest, failure: str | None) -> None:
    """The fault: what goes wrong over a log gets out of the device, before its answer is charged."""
    if failure is not None:
        raise NotYet(f"{request.task}: {failure}")
