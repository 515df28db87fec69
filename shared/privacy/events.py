"""What was released about a person, as immutable events.

An event says its unit and its neighbours; it never says what was released.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from shared.errors import Misconfigured
from shared.tasks import TASKS, Task

if TYPE_CHECKING:
    from dp_accounting import DpEvent

# What is protected, against whom: everything of a person or one window of events, against all who see private sums or
# releases; or one window of events, against a server that saw a single update.
Level = Literal["user", "event", "local"]

LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """One DP-SGD step: windows drawn by a secret Poisson coin, their clipped sum released with Gaussian noise.

    Unit: one window of events. Neighbours: one window emptied, all others keeping their places in the log, so that the
    same windows stay eligible (zero-out; Kairouz et al. 2021). The mechanism then differs as under add-or-remove, and
    is accounted so.

    Attributes:
        sampling_probability: chance of each window, in (0, 1].
        noise_multiplier: standard deviation of the noise over the clipping norm.
    """

    level: ClassVar[Level] = "local"
    task: ClassVar[Task] = "update"

    sampling_probability: float
    noise_multiplier: float

    def __post_init__(self) -> None:
        if not 0 < self.sampling_probability <= 1:
            raise Misconfigured(f"sampling probability: expected in (0, 1], got {self.sampling_probability}")
        if not self.noise_multiplier > 0:
            raise Misconfigured(f"noise multiplier: expected above 0, got {self.noise_multiplier}")

    def dp_event(self) -> "DpEvent":
        """The event in the words of `dp_accounting`."""
        from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent

        return PoissonSampledDpEvent(self.sampling_probability, GaussianDpEvent(self.noise_multiplier))


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

    def dp_event(self) -> "DpEvent":
        """The event in the words of `dp_accounting`: concentrated, as the Gaussian's own profile is not promised."""
        from dp_accounting import ZCDpEvent

        return ZCDpEvent(self.rho)


@dataclass(frozen=True, slots=True)
class SummedWindow(SummedGaussian):
    """What the same part of a private sum says of one window of a person's events.

    Unit: one window. Neighbours: that window emptied, all others keeping their places (zero-out). Against whom
    `SummedGaussian` holds. The noise is that of the user level; the vector moves by less, as each window's gradient is
    clipped, and rho goes with the square of how far it can move.
    """

    level: ClassVar[Level] = "event"


PrivacyEvent = SampledGaussian | SummedGaussian | SummedWindow


def privacy_event_to_fields(event: PrivacyEvent) -> list[str | float]:
    """Level, task and numbers of an event: what `privacy_event_from_fields` reads."""
    if isinstance(event, SummedGaussian):
        return [event.level, event.task, float(event.rho)]
    return [event.level, event.task, float(event.sampling_probability), float(event.noise_multiplier)]


def privacy_event_from_fields(fields: Sequence[object]) -> PrivacyEvent:
    """The event of such fields.

    Raises:
        Misconfigured: they are not those of an event.
    """
    match fields:
        case [SummedGaussian.level, str() as task, float() as rho] if task in TASKS:
            return SummedGaussian(task, rho)
        case [SummedWindow.level, str() as task, float() as rho] if task in TASKS:
            return SummedWindow(task, rho)
        case [SampledGaussian.level, SampledGaussian.task, float() as probability, float() as multiplier]:
            return SampledGaussian(probability, multiplier)
    raise Misconfigured("event: expected its level, its task and its numbers, got something else")
