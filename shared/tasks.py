"""The table of tasks of a private sum: what each asks of a device, and what bounds it. A new task is one row here.

Beside its row a task needs what a device computes for it (`client/contributing.py`) and what the server makes of the
sum (`server/training/federation.py`). Its share of the budget and how often a device answers it stand in the federation
file, by the task's name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.metrics import MEASURES, MEASURES_NORM
from shared.pair_cells import PairCells

Task = Literal["update", "statistics", "evaluation"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A row. `federation` is a `FederationFile`, which this table stands below.

    Attributes:
        sends: what a device sends, in words for the person who is asked to agree.
        brings: what a sum of it brings, in words for the operator.
        plural: what several of its sums are called.
        takes_parameters: whether a device needs a vector of parameters to answer.
        dimension: numbers in a summand, from the federation file, the items of the catalogue and the parameters in
            training.
        clip_norm: L2 norm of the longest summand, from the federation file.
        window_distance_over_clip: how far emptying one window of events moves a summand at most, over that norm, from
            the federation file; at most 2.
        rounds: numbers of the rounds in which it is asked; a device answers no other.
    """

    sends: str
    brings: str
    plural: str
    takes_parameters: bool
    dimension: Callable[[Any, int, int], int]
    clip_norm: Callable[[Any], float]
    window_distance_over_clip: Callable[[Any], float]
    rounds: Callable[[Any], Sequence[int]]


def _window_moves_update(federation: Any) -> float:
    """Each window's gradient is clipped, so emptying one moves an update by its bound at most."""
    clipping = federation.clipping
    one_window = federation.training.local_learning_rate * clipping.window_norm
    return float(min(2.0, one_window / federation.expected_windows / clipping.update_norm))


def _counted(federation: Any, items: int, trained: int) -> int:
    return items + (PairCells(items).size if federation.statistics.pairs else 0)


def _evaluated_rounds(federation: Any) -> Sequence[int]:
    """Before the first round, after every so many, and after the last."""
    every, last = federation.evaluation.every_rounds, federation.training.rounds
    return sorted({*range(0, last, every), last}) if every else ()


TASK_ROWS: dict[Task, TaskRow] = {
    "update": TaskRow(
        sends="how the model should change, learnt from your events",
        brings="a step",
        plural="rounds of training",
        takes_parameters=True,
        dimension=lambda federation, items, trained: trained,
        clip_norm=lambda federation: float(federation.clipping.update_norm),
        window_distance_over_clip=_window_moves_update,
        rounds=lambda federation: range(1, federation.training.rounds + 1),
    ),
    "statistics": TaskRow(
        sends="which items you have met (and which together, where pairs are counted), for a count of all people's",
        brings="the popularity prior",
        plural="counts",
        takes_parameters=False,
        dimension=_counted,
        clip_norm=lambda federation: math.sqrt(federation.statistics.items_per_device + federation.statistics.pairs),
        # Two vectors without negative entries are never at more than a right angle.
        window_distance_over_clip=lambda federation: math.sqrt(2),
        rounds=lambda federation: range(1),  # before training
    ),
    "evaluation": TaskRow(
        sends=f"how well the ranking foresaw your next choice, and how broad it is: {MEASURES} numbers",
        brings="no figure clear of the noise",
        plural="evaluations",
        takes_parameters=True,
        dimension=lambda federation, items, trained: MEASURES,
        clip_norm=lambda federation: MEASURES_NORM,
        window_distance_over_clip=lambda federation: 2.0,
        rounds=_evaluated_rounds,
    ),
}
