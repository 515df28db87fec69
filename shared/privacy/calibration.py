"""From a promise for a device's whole life to the noise of one private sum, and what that noise costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Misconfigured
from shared.privacy.accountant import rho_for
from shared.privacy.budget import check_shares
from shared.tasks import Task

_UPDATES_ONLY: Mapping[Task, float] = {"update": 1.0}
_RHO_STEP = 2.0**-40  # messages carry rho in these steps; sums of them are exact in floating point


@dataclass(frozen=True, slots=True)
class Cohort:
    """The devices of one round, and how many of them may fail or betray it.

    Attributes:
        devices: number in the roster.
        corrupt_share: largest share that may collude with the server, in [0, 0.5).
        dropout_share: largest share that may fall silent, in [0, 0.5).
        minimum: fewest survivors a device agrees to.
    """

    devices: int
    corrupt_share: float
    dropout_share: float
    minimum: int = 2

    def __post_init__(self) -> None:
        if not (0 <= self.corrupt_share < 0.5 and 0 <= self.dropout_share < 0.5):
            raise Misconfigured(
                f"cohort: expected a corrupt share and a dropout share in [0, 0.5), got {self.corrupt_share} and "
                f"{self.dropout_share}"
            )
        if not (2 <= self.minimum <= self.devices and self.honest_survivors >= 2):
            raise Misconfigured(
                f"cohort: expected at least 2 honest survivors of at least {max(2, self.minimum)} devices, "
                f"got {self.devices} devices; take more in a round"
            )

    @property
    def survivors(self) -> int:
        """Fewest devices whose vectors make a sum."""
        return max(self.minimum, self.devices - self.devices * _millionths(self.dropout_share) // 10**6)

    @property
    def honest_survivors(self) -> int:
        """Devices whose share of the noise is surely in a sum: the noise is calibrated to them alone."""
        return self.survivors - self.devices * _millionths(self.corrupt_share) // 10**6


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promise costs. Noise is that of the mean of one `update` when nobody falls silent, in clipping norms.

    Attributes:
        epsilon, delta: the user-level promise for a device's whole life.
        rho_total: all a device may spend.
        rho: of one sum of each task that a device takes part in.
        honest_survivors: devices the noise is calibrated to.
        noise_per_coordinate: standard deviation.
        noise_norm: root mean square of the noise's L2 norm, `noise_per_coordinate * sqrt(dimension)`.
        largest_dimension: at which `noise_norm` would reach the allowed ratio.
    """

    epsilon: float
    delta: float
    rho_total: float
    rho: Mapping[Task, float]
    honest_survivors: int
    noise_per_coordinate: float
    noise_norm: float
    largest_dimension: int


def plan_budget(
    *,
    epsilon: float,
    delta: float,
    cohort: Cohort,
    participations: Mapping[Task, int],
    dimension: int,
    shares: Mapping[Task, float] = _UPDATES_ONLY,
    noise_over_signal: float = 1.0,
) -> Plan:
    """What a user-level promise means for one round.

    The sum of h honest shares has a variance of C² / (2 rho) in each coordinate, so that n shares have n/h of it, and
    their mean a standard deviation of C / sqrt(2 rho h n). Rounding to units adds under 1 % while dimension / 4 is
    below 1 % of the squared scale.

    The mean of clipped updates is at most one clipping norm long, and that long only if all devices agree: a dimension
    above the largest, where the noise is `noise_over_signal` times as long, asks for more devices or fewer rounds.

    Args:
        epsilon: of the promise for a device's whole life.
        delta: of the promise for a device's whole life.
        cohort: the devices of a round, and how many may be corrupt or fall silent.
        participations: most sums of each task that a device answers in its life, which the device enforces: a server
            can pick the same device in every round.
        dimension: length of the vector.
        shares: how tasks share it, in rho.
        noise_over_signal: length of the noise that is allowed, in clipping norms; gives the largest dimension.

    Raises:
        Misconfigured: a number is impossible, or a promise leaves nothing for one of the tasks.
    """
    if dimension < 1 or not noise_over_signal > 0:
        raise Misconfigured(
            f"plan: expected a dimension of at least 1 and a ratio above 0, got {dimension} and {noise_over_signal}"
        )
    rho_total = rho_for(epsilon, delta)
    rho = allot(rho_total, shares, participations)
    if "update" not in rho:
        raise Misconfigured("plan: expected at least 1 update among the participations, got 0")
    honest = cohort.honest_survivors
    noise = 1 / math.sqrt(2 * rho["update"] * honest * cohort.devices)
    return Plan(
        epsilon=epsilon,
        delta=delta,
        rho_total=rho_total,
        rho=rho,
        honest_survivors=honest,
        noise_per_coordinate=noise,
        noise_norm=noise * math.sqrt(dimension),
        largest_dimension=math.floor((noise_over_signal / noise) ** 2),
    )


def allot(rho_total: float, shares: Mapping[Task, float], participations: Mapping[Task, int]) -> dict[Task, float]:
    """Rho of one private sum of each task that a device takes part in, rounded down to steps of 2^-40.

    Raises:
        Misconfigured: a task has participations and nothing to spend on them; or shares or participations are
            impossible.
    """
    check_shares(shares)
    if any(type(times) is not int or times < 0 for times in participations.values()):
        raise Misconfigured(f"participations: expected whole numbers of at least 0, got {dict(participations)}")
    rho: dict[Task, float] = {}
    for task, times in participations.items():
        if times:
            share = shares.get(task, 0.0)
            rho[task] = math.floor(rho_total * share / times / _RHO_STEP) * _RHO_STEP
            if not rho[task] > 0:
                raise Misconfigured(
                    f"task {task!r}: expected a share that leaves some rho for each of {times} participations, "
                    f"got {share:g} of {rho_total:.3g}; raise the share or lower the participations"
                )
    return rho


def people_share(members: int, corrupt_share: float) -> float:
    """The share of all people that may be corrupt so that a cohort drawn at random bears its corrupt members.

    A cohort bears `corrupt_share` of its own members. Of people drawn at random more may be corrupt by chance: the
    share returned keeps that below 2^-40, by the tail of the binomial. Nothing here sees to it that a server draws at
    random; that is its word.

    Args:
        members: of the cohort.
        corrupt_share: of these members that may collude, in [0, 0.5).

    Example:
        >>> round(people_share(1000, 0.1), 3)
        0.047
    """
    borne = members * _millionths(corrupt_share) // 10**6
    if not 0 < borne < members:
        return 0.0
    from scipy.special import betaincinv  # half a second, for nobody who only ranks

    return float(betaincinv(borne + 1, members - borne, 2.0**-40))


def _millionths(share: float) -> int:
    return round(share * 10**6)
