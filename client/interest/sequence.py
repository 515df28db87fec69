"""What the course of a person's events adds to their interest, event by event, under the installed release."""

import numpy as np
import torch
from numpy.typing import NDArray

from shared.arrays import F32Vector
from shared.model import ConceptModel, State


class SequenceEncoder:
    """Runs the release's `evolution`; under forgetting alone it has no state and adds nothing."""

    def __init__(self, heads: ConceptModel) -> None:
        self._heads = heads

    def start(self) -> State:
        """Before any event."""
        evolution = self._heads.evolution
        return () if evolution is None else evolution.start(1)

    def after(self, state: State, views: NDArray[np.floating]) -> State:
        """After further events, oldest first: `views` [events, F], each weighted by its evidence."""
        evolution = self._heads.evolution
        if evolution is None or not len(views):
            return state
        with torch.no_grad():
            for entered in evolution.enter(torch.from_numpy(np.asarray(views, np.float32))):
                state = evolution.step(state, entered.unsqueeze(0))
        return state

    def dense(self, state: State) -> F32Vector | None:
        """What it adds to the weighted sum of dense views, float32 [k]; None under forgetting alone."""
        return self._half(state, 0)

    def shift(self, state: State) -> F32Vector | None:
        """What it adds to what the concept interest leads to, float32 [K]; None under forgetting alone."""
        return self._half(state, 1)

    def _half(self, state: State, half: int) -> F32Vector | None:
        with torch.no_grad():
            course = self._heads.course_of(state)
        return None if course is None else course[half][0].numpy()
