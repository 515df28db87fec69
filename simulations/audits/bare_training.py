"""A training without network and files: real devices, the ideal sum, and the server's own step, for many small runs."""

from collections.abc import Callable, Sequence

import numpy as np

from server import CohortCounts, SumResult
from server.training import TrainingState, advance, optimizer_for
from shared.model import Vector
from simulations.audits.one_device import Ground, Question, Respondent, Whole

# What members that keep to no rule put into the sum of a round, as one vector of whole units.
Intrude = Callable[[Question, int], Whole]


def train_bare(
    ground: Ground, people: Sequence[Respondent], intruders: int = 0, intrude: Intrude | None = None
) -> Vector:
    """Parameters after all rounds of the federation file, everybody in each of them.

    Args:
        ground: the federation and release zero.
        people: devices that keep to the rules.
        intruders: further members of the cohort.
        intrude: what these add together, for a question and a cohort of so many.
    """
    federation, layout = ground.federation, ground.model.layout
    optimizer, members = optimizer_for(federation), len(people) + intruders
    state = TrainingState(0, ground.release.vector, optimizer.init(layout), federation.clipping.update_norm)
    for number in range(1, federation.training.rounds + 1):
        question = Question(ground, "update", number, federation.trained_groups, state.vector)
        total = sum((person.words(question, members) for person in people), np.int64(0))
        if intrude is not None:
            total = total + intrude(question, members)
        unit = question.values(np.ones(1, np.int64), members)[0]
        result = SumResult(
            question.values(np.asarray(total), members),
            CohortCounts(selected=members, answered=members),
            question.cohort(members).variance * members * unit**2,
        )
        state, _ = advance(federation, layout, optimizer, state, result)
    return state.vector
