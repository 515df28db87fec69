"""What was released about a person, as immutable events.

An event says its unit and its neighbours; it never says what was released.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from shared.errors import Misconfigured
from shared.tasks import TASKS, Task

# What is protected, against whom: everything of a person or one window of events, against all who see private sums or
# releases; or one window of events, against a server that saw single answers of the person, without the sum.
Level = Literal["user", "event", "local"]

LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class SummedGaussian:
    """One part in a private sum: a vector of bounded norm, hidden among others' and under everybody's shares of noise.

    Unit: one person, with everything they ever did. Neighbours: the person's vector made zero; that they took part is
    public (zero-out). Holds against a server that colludes with at most the share of devices that the noise was
    calibrated for, and against everybody who reads what it releases. No amplification by sampling: the server picks.

    Attributes:
        task: what the sum was for.
        rho: zero-concentrated differential privacy of it (Bun, Steinke 2016): squared norm bound over twice the
            variance of the noise that honest survivors surely add. A discrete Gaussian has it too (Canonne, Kamath,
            Steinke 2020), and so has a sum of them at variances of 256 and more, but for less than 1e-300 (Kairouz,
            Liu, Steinke 2021).
    """

    level: ClassVar[Level] = "user"

    task: Task
    rho: float

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise Misconfigured(f"task: expected one of {', '.join(TASKS)}, got {self.task!r}")
        if not 0 < self.rho < math.inf:
            raise Misconfigured(f"rho: expected a number above 0, got {self.rho}")


@dataclass(frozen=True, slots=True)
class SummedWindow(SummedGaussian):
    """What the same part of a private sum says of one window of a person's events.

    Unit: one window. Neighbours: that window emptied, all others keeping their places (zero-out). Against whom
    `SummedGaussian` holds. The noise is that of the user level; the vector moves by less, as each window's gradient is
    clipped, and rho goes with the square of how far it can move.
    """

    level: ClassVar[Level] = "event"


@dataclass(frozen=True, slots=True)
class LocalWindow(SummedGaussian):
    """What one answer says of one window of a person's events to a server that sees it without the sum.

    Unit: one window. Neighbours: that window emptied, all others keeping their places (zero-out). The noise is the
    device's own, so nothing is asked of other devices; no coin that draws windows counts, as if everybody saw it.
    """

    level: ClassVar[Level] = "local"


PrivacyEvent = SummedGaussian | SummedWindow | LocalWindow
_KINDS = {kind.level: kind for kind in (SummedGaussian, SummedWindow, LocalWindow)}


def privacy_event_to_fields(event: PrivacyEvent) -> list[str | float]:
    """Level, task and rho of an event: what `privacy_event_from_fields` reads."""
    return [event.level, event.task, float(event.rho)]


def privacy_event_from_fields(fields: Sequence[object]) -> PrivacyEvent:
    """The event of such fields.

    Raises:
        Misconfigured: they are not those of an event.
    """
    match fields:
        case [str() as level, str() as task, float() as rho] if level in _KINDS and task in TASKS:
            return _KINDS[level](task, rho)
    raise Misconfigured("event: expected its level, its task and its rho, got something else")
