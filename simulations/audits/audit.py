"""What an audit is: an attack on one promise, a bar that it must not pass, and a control that must pass it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What came of one audit.

    Attributes:
        passes: whether the attack stayed below the bar with the defence on.
        control_caught: whether the same attack succeeds with the defence off; else the audit proves nothing.
        statistic: what the attack measured with the defence on, in the unit that `sentence` names.
        bar: the most, or the least, that the promise allows of it.
        interval: 95 % interval of the statistic; None where it is exact.
        control: what the attack measured with the defence off.
        sentence: what was found, in one plain sentence with its figures.
    """

    passes: bool
    control_caught: bool
    statistic: float
    bar: float
    interval: tuple[float, float] | None
    control: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Audit:
    """One row of the suite.

    Attributes:
        name: on the command line and in JSON, kebab-case.
        claim: the promise that it attacks.
        run: carries it out from a seed.
        quick: whether it runs in CI.
    """

    name: str
    claim: str
    run: Callable[[int], AuditResult]
    quick: bool
