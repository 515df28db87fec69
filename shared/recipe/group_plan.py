"""For each parameter group: how long the mean of the devices' updates is, and how long the noise beside it.

A group is worth training where the first stands out of the second. Both are of one round and in units of the clipping
norm C of the whole update. Noise is computed from the federation file. The signal is not known before anybody was
asked: what stands here are lengths that were measured on made-up and public data sets, in their first rounds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.charges import user_charge
from shared.federation import GROUPS, FederationFile, group_size
from shared.privacy import Cohort
from shared.round_parameters import group_norms

# Length of the mean of unit updates: 1 if all devices asked for the same, 0 if they cancelled each other out.
_SIGNALS: Mapping[str, float] = MappingProxyType(
    {
        "dense": 0.11,
        "concepts": 0.08,
        "transitions": 0.13,
        "forgetting": 0.3,
        "evolution": 0.1,
        "gates": 0.3,
        "context": 0.1,
        "bias": 0.08,
        "scales": 0.6,
        "adapters": 0.065,
    }
)
# Rounds add up: what is half as long as its noise in one stands out of it after a dozen.
LEAST_RATIO = 0.35
_LONG_LOG = 30  # events


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What is expected of a group.

    Attributes:
        group: its name.
        numbers: that it has.
        rounds: that train it; 0 for a group that is left off.
        share: of the square of the clipping norm.
        signal: length of the mean update that is expected, over the clipping norm.
        noise: length of the noise of that mean, likewise; 0 without a user-level promise.
        reason: why it is trained or not, in words.
    """

    group: str
    numbers: int
    rounds: int
    share: float
    signal: float
    noise: float
    reason: str


def noise_per_number(federation: FederationFile, people: int) -> float:
    """Standard deviation of the noise of each number of a round's mean update, over the clipping norm.

    0 without a user-level promise.

    Raises:
        Misconfigured: the promise leaves nothing for an update.
    """
    charge = user_charge(federation, "update")
    if charge is None:
        return 0.0
    members = min(federation.cohort_of("update"), people)
    total = federation.sum
    cohort = Cohort(members, total.corrupt_share, total.dropout_share, federation.round.minimum_answers)
    # Of the noise that all members add, only that of those who surely stay and are honest is relied on.
    whole = math.sqrt(members / cohort.honest_survivors / (2.0 * charge.rho))
    return whole / members


def signal_of(federation: FederationFile, group: str, trained: tuple[str, ...], events: int) -> float:
    """Length of a group's mean update that is expected, over the clipping norm.

    Args:
        federation: its terms.
        group: which.
        trained: the groups that are trained, which share the clipping norm.
        events: of a usual person's log: short ones agree less with each other.
    """
    agreeing = min(1.0, math.sqrt(events / _LONG_LOG))
    return _SIGNALS[group] * agreeing * group_norms(federation, trained)[group] / federation.clipping.update_norm


def plan_groups(federation: FederationFile, people: int, width: int, events: int = 32) -> tuple[GroupPlan, ...]:
    """What is expected of each group that a federation trains, and of those it could train besides.

    Args:
        federation: its terms.
        people: devices there are.
        width: numbers in an embedding of its encoder.
        events: of a usual person's log.

    Example:
        >>> from shared.federation import read_federation
        >>> rows = plan_groups(read_federation(), 5000, 384)
        >>> {row.group: row.rounds for row in rows}["scales"]
        100
    """
    noise = noise_per_number(federation, people)
    return tuple(_row(federation, group, noise, width, events) for group in _possible(federation))


def _row(federation: FederationFile, group: str, noise_per: float, width: int, events: int) -> GroupPlan:
    on = group in federation.trained_groups
    trained = federation.trained_groups if on else (*federation.trained_groups, group)
    numbers, signal = _numbers(federation, group, width), signal_of(federation, group, trained, events)
    share = (group_norms(federation, trained)[group] / federation.clipping.update_norm) ** 2 if on else 0.0
    noise = noise_per * math.sqrt(numbers)
    rounds = federation.training.rounds if on else 0
    reason = _reason(on, signal, noise)
    if group == "adapters" and not on and not federation.windows.shown:
        reason = "left off: it pays where devices know what was offered beside a choice"
    return GroupPlan(group, numbers, rounds, share, signal, noise, reason)


def _reason(on: bool, signal: float, noise: float) -> str:
    if not noise:
        return "no noise hides it" if on else "left off by choice"
    ratio = signal / noise
    if on and ratio >= LEAST_RATIO:
        return f"stands out: {ratio:.2g} times the noise of one round"
    if on:
        return f"trained by choice, though noise hides it: {ratio:.2g} times the noise of one round"
    if ratio >= LEAST_RATIO:
        return f"left off by choice, though it stands out: {ratio:.2g} times the noise of one round"
    return f"left off: {ratio:.2g} times the noise of one round, {LEAST_RATIO:g} are needed"


def _numbers(federation: FederationFile, group: str, width: int) -> int:
    if group == "adapters":
        return federation.model.lora_rank * width
    return group_size(federation, group, width)


def _possible(federation: FederationFile) -> tuple[str, ...]:
    """Groups of parts that the federation file asks for, trained or not."""
    every = federation.training.model_copy(update={"groups": GROUPS})
    return federation.model_copy(update={"training": every}).trained_groups
