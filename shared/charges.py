"""What one answer of a device costs at each level of privacy, and the noise of its own that the local level asks for.

Three levels, all in rho of Gaussian mechanisms, so that answers add up (`shared.privacy.accountant`):

* user level: everything of a person, towards whoever sees sums. The noise is shared over the cohort.
* event level: one window of events, towards the same, from the same noise. Emptying one window moves a vector by less
  than emptying all, so it costs less; nothing is made of the coin that draws windows.
* local level: one window of events, towards whoever sees single answers without the sum, from noise of the device's
  own (`privacy.local_noise`), in every task.
"""

import math
from collections.abc import Mapping

from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.privacy import (
    Cohort,
    LocalWindow,
    PrivacyEvent,
    SummedGaussian,
    SummedWindow,
    epsilon_of_rho,
    rho_for,
)
from shared.secure_sum import RHO_UNIT, RoundConfiguration
from shared.tasks import TASK_ROWS, Task

_FREE = 0.02  # "auto" adds noise of the device's own where that makes the noise of a sum no larger than by this


def user_charge(federation: FederationFile, task: Task) -> SummedGaussian | None:
    """What one participation in a task costs at user level, in whole units of rho; None without that promise.

    Raises:
        Misconfigured: the task has no share of the budget.
    """
    privacy = federation.privacy
    if not privacy.user:
        return None
    share, participations = privacy.share(task), privacy.participations.get(task, 1)
    units = math.floor(share * rho_for(privacy.spread_epsilon, privacy.user_delta) / participations / RHO_UNIT)
    if not units:
        raise Misconfigured(
            f"privacy.user_epsilon = {privacy.spread_epsilon:g}: expected enough for {participations} answers of "
            f"{task} with {share:.3g} of the budget, got less than the smallest step there is; raise it, give {task} a "
            f"larger share, or set privacy.participations.{task} to fewer"
        )
    return SummedGaussian(task, units * RHO_UNIT)


def answers_of_a_life(federation: FederationFile, task: Task) -> int:
    """How often a device answers a task in its life, at most: with periods, as often as the life's budget allows."""
    privacy, user = federation.privacy, user_charge(federation, task) if task in federation.privacy.tasks else None
    if not privacy.period_days or user is None:
        return privacy.most_answers(task)
    return math.floor(privacy.share(task) * rho_for(privacy.user_epsilon, privacy.user_delta) / user.rho)


def charges_of(
    federation: FederationFile, task: Task, configuration: RoundConfiguration | None
) -> tuple[PrivacyEvent, ...]:
    """What one answer releases about a person and about one window of theirs, at each level that is promised.

    Args:
        federation: the terms, which say what is promised and at what price.
        task: what is answered: an update, statistics or an evaluation.
        configuration: of the private sum; None for an answer in the open, which only local noise covers.

    Raises:
        Misconfigured: the task has no share of the budget.
    """
    charged: list[PrivacyEvent] = []
    user = user_charge(federation, task)
    if user is not None and configuration is not None:
        charged.append(user)
        if federation.privacy.event:
            charged.append(SummedWindow(task, user.rho * _window_share(federation, task, configuration)))
    local = local_charge(federation, task)
    return (*charged, local) if local is not None else tuple(charged)


def local_charge(federation: FederationFile, task: Task) -> LocalWindow | None:
    """What one answer to a task costs at the local level; None without that promise.

    A task without a share of the budget is in no plan, so nothing is promised for it.
    """
    planned = task in federation.privacy.tasks and adds_local_noise(federation)
    return LocalWindow(task, _local_rho(federation)) if planned else None


def epsilon_alone(federation: FederationFile, cohorts: Mapping[Task, int] | None = None) -> float | None:
    """User-level epsilon of a device's whole life with nobody else's noise; None without a user-level promise.

    The noise of a sum is shared by as many honest members as are surely in it. A server that fills the cohort with
    devices of its own takes all of it away but the person's: rho is then as many times larger. That it cannot is the
    word of whoever certifies devices.

    Args:
        federation: the terms.
        cohorts: members of the largest cohort of each task; the largest allowed, `sum.maximum_cohort`, where left out.
            What the smallest allowed one gives counts too, where it is more.
    """
    privacy = federation.privacy
    if not privacy.user:
        return None
    rho = 0.0
    for task in privacy.tasks:
        members = federation.sum.maximum_cohort
        if cohorts is not None:
            members = min(members, cohorts.get(task, 0))  # more are several sums
        charge = user_charge(federation, task)
        if charge is not None and members >= federation.round.minimum_answers:
            shares = max(
                _cohort(federation, size).honest_survivors for size in {members, federation.round.minimum_answers}
            )
            rho += charge.rho * answers_of_a_life(federation, task) * shares
    return epsilon_of_rho(rho, privacy.user_delta)


def adds_local_noise(federation: FederationFile) -> bool:
    """Whether every answer carries noise of its device's own, so that the local level is promised.

    With `privacy.local_noise = "auto"` and without periods it does where that is nearly free: where the noise of no sum
    grows by more than 2 % at the cohorts that the federation asks for.
    """
    privacy = federation.privacy
    if not privacy.event or privacy.local_noise == "off" or privacy.period_days:
        return False
    if privacy.local_noise == "on":
        return True
    planned = [task for task in privacy.tasks if TASK_ROWS[task].rounds(federation)]
    return all(_growth(federation, task) <= _FREE for task in planned)


def local_noise_over_clip(federation: FederationFile, task: Task, dimension: int, scale: int) -> float:
    """Standard deviation of the noise of one device's own, over the clipping norm; 0 where it adds none.

    Args:
        federation: the terms.
        task: of the sum.
        dimension: numbers in the summand.
        scale: fewest units that stand for the clipping norm; 0 where nothing is rounded.
    """
    if not adds_local_noise(federation):
        return 0.0
    rounding = 2 * math.sqrt(dimension) / scale if scale else 0.0
    return (_distance(federation, task) + rounding) / math.sqrt(2 * _local_rho(federation))


def _local_rho(federation: FederationFile) -> float:
    """The local level's rho of one answer: all that a device gives in its life share it evenly."""
    privacy = federation.privacy
    answers = sum(privacy.most_answers(task) for task in privacy.tasks)
    units = math.floor(rho_for(privacy.local_epsilon, privacy.event_delta) / answers / RHO_UNIT)
    if not units:
        raise Misconfigured(
            f"privacy.local_epsilon = {privacy.local_epsilon:g}: expected enough for {answers} answers, got less than "
            "the smallest step there is; raise it, or set privacy.participations to fewer"
        )
    return units * RHO_UNIT


def _growth(federation: FederationFile, task: Task) -> float:
    """By how much noise of the devices' own makes the noise of a sum larger, as a share of it."""
    user = user_charge(federation, task)
    if user is None:
        return math.inf
    members = federation.sum.maximum_cohort if task == "statistics" else federation.cohort_of(task)
    shared = 1 / (2 * user.rho * _cohort(federation, members).honest_survivors)
    own = _distance(federation, task) ** 2 / (2 * _local_rho(federation))
    return math.sqrt(1 + own / shared) - 1


def _cohort(federation: FederationFile, members: int) -> Cohort:
    total = federation.sum
    return Cohort(members, total.corrupt_share, total.dropout_share, federation.round.minimum_answers)


def _distance(federation: FederationFile, task: Task) -> float:
    return TASK_ROWS[task].window_distance_over_clip(federation)


def _window_share(federation: FederationFile, task: Task, configuration: RoundConfiguration) -> float:
    """What one window costs over what the whole person costs.

    The square of how far it can move the vector that enters the sum, over the square of how long that vector can be,
    both in whole units.

    Each window's gradient is clipped, so emptying one moves an update by its bound at most: clipping each group after
    that is a projection, which brings no two vectors further apart. Rounding moves each entry of both vectors by less
    than one unit.
    """
    scale, dimension = configuration.smallest_scale, configuration.dimension
    longest = scale**2 + scale + dimension // 4 + math.isqrt(dimension) // 2
    distance = _distance(federation, task) * scale + 2 * math.sqrt(dimension)
    return min(4.0, distance**2 / longest)
