"""Turns the mean of a round's summands into a step: FedAvg, FedAvgM, FedAdam. Each is two pure functions over a state.

A step moves only the groups that the mean holds; all other coordinates, and their state, stay as they are.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F64Array
from shared.federation import FederationFile
from shared.model import Layout, Vector


@dataclass(frozen=True, slots=True)
class OptimizerState:
    """What an optimiser remembers between rounds.

    Attributes:
        momentum: float64 [d], zero where an optimiser keeps none.
        second_moment: one number for each group, the running estimate of the mean square of its coordinates.
        steps: how many steps each group took.
    """

    momentum: F64Array
    second_moment: Mapping[str, float]
    steps: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean summand of a round.

    Attributes:
        groups: the groups it holds, in canonical order.
        values: float64 [d of the groups], a descent direction.
        noise_variance: known variance of the noise in one coordinate of `values`; 0 where there is none.
    """

    groups: tuple[str, ...]
    values: F64Array
    noise_variance: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerOptimizer:
    """`init(layout)` gives the first state; `apply(layout, state, vector, mean, rate)` the next vector and state."""

    init: Callable[[Layout], OptimizerState]
    apply: Callable[[Layout, OptimizerState, Vector, Mean, float], tuple[Vector, OptimizerState]]


def optimizer_for(federation: FederationFile) -> ServerOptimizer:
    """The optimiser that a federation file names."""
    settings = federation.optimizer
    rates = {str(group): rate for group, rate in settings.group_rates.items()}
    match settings.name:
        case "fedavg":
            return fedavg(rates)
        case "fedavgm":
            return fedavgm(settings.momentum, rates)
        case "fedadam":
            return fedadam(settings.momentum, settings.second_moment_decay, settings.stability, rates)


def rate_in(federation: FederationFile, round_number: int) -> float:
    """The learning rate of a round (1-based): by cosine from the first rate to its final share at the last round."""
    settings, rounds = federation.optimizer, federation.training.rounds
    progress = (round_number - 1) / (rounds - 1) if rounds > 1 else 0.0
    remaining = (1.0 + math.cos(math.pi * progress)) / 2.0
    return settings.learning_rate * (settings.final_rate + (1.0 - settings.final_rate) * remaining)


def fedavg(group_rates: Mapping[str, float] | None = None) -> ServerOptimizer:
    """FedAvg: vector += rate * mean (McMahan et al. 2017, with a server rate)."""

    def direction(group: str, mean: F64Array, noise_variance: float, before: _GroupState) -> _Step:
        return _Step(mean, before)

    return _by_group(direction, group_rates or {})


def fedavgm(momentum: float, group_rates: Mapping[str, float] | None = None) -> ServerOptimizer:
    """FedAvgM: m = momentum * m + mean; vector += rate * m (Hsu et al. 2019)."""

    def direction(group: str, mean: F64Array, noise_variance: float, before: _GroupState) -> _Step:
        moved = momentum * before.momentum + mean
        return _Step(moved, replace(before, momentum=moved))

    return _by_group(direction, group_rates or {})


def fedadam(
    momentum: float, second_moment_decay: float, stability: float, group_rates: Mapping[str, float] | None = None
) -> ServerOptimizer:
    """FedAdam (Reddi et al. 2021), bias-corrected, with one second moment for each group and aware of noise.

    The second moment is that of the signal: the known noise variance is taken off the mean square of the group's
    coordinates. Its estimate is never used below the variance of the noise that is left in the momentum, so that noise
    alone never moves a coordinate by more than about the learning rate.
    """

    def direction(group: str, mean: F64Array, noise_variance: float, before: _GroupState) -> _Step:
        steps = before.steps + 1
        moved = momentum * before.momentum + (1.0 - momentum) * mean
        signal = float(np.mean(np.square(mean))) - noise_variance
        second = second_moment_decay * before.second_moment + (1.0 - second_moment_decay) * signal
        left = momentum**steps
        noise_in_momentum = noise_variance * (1.0 - momentum) / (1.0 + momentum) * (1.0 + left) / (1.0 - left)
        scale = math.sqrt(max(second / (1.0 - second_moment_decay**steps), noise_in_momentum, 0.0))
        after = replace(before, momentum=moved, second_moment=second)
        return _Step(moved / (1.0 - left) / (scale + stability), after)

    return _by_group(direction, group_rates or {})


@dataclass(frozen=True, slots=True)
class _GroupState:
    momentum: F64Array
    second_moment: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Step:
    direction: F64Array
    after: _GroupState


_Direction = Callable[[str, F64Array, float, _GroupState], _Step]


def _by_group(direction: _Direction, group_rates: Mapping[str, float]) -> ServerOptimizer:
    """The optimiser that asks `direction` for each group of a mean and lets everything else stand."""

    def init(layout: Layout) -> OptimizerState:
        return OptimizerState(np.zeros(layout.size), dict.fromkeys(layout.groups, 0.0), dict.fromkeys(layout.groups, 0))

    def apply(
        layout: Layout, state: OptimizerState, vector: Vector, mean: Mean, rate: float
    ) -> tuple[Vector, OptimizerState]:
        result, momentum = vector.copy(), state.momentum.copy()
        second, steps = dict(state.second_moment), dict(state.steps)
        held = layout.select(mean.groups)
        for group in held.groups:
            places = _indices(layout, group)
            values = mean.values[_indices(held, group)]
            step = direction(
                group,
                values,
                mean.noise_variance,
                _GroupState(momentum[places], second[group], steps[group]),
            )
            moved = vector[places] + rate * group_rates.get(group, 1.0) * step.direction
            result[places] = moved.astype(np.float32)
            momentum[places], second[group] = step.after.momentum, step.after.second_moment
            steps[group] += 1
        return result, OptimizerState(momentum, second, steps)

    return ServerOptimizer(init, apply)


def _indices(layout: Layout, group: str) -> NDArray[np.intp]:
    """Where a group's coordinates stand in a vector of this layout."""
    return np.concatenate([np.arange(b.offset, b.offset + b.size) for b in layout.blocks if b.group == group])
