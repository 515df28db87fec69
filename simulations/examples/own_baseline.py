"""Measure a baseline of one's own on the questions that every run is measured on.

Run it with `python simulations/examples/own_baseline.py`; nothing is trained.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.arrays import F32Matrix
from simulations import load
from simulations.baselines import Popularity
from simulations.evaluation import evaluate, split


class MostRecent:
    """The items that somebody chose last come first, whoever is asked."""

    def __init__(self, training: Sequence[NDArray[np.int32]], items: int) -> None:
        """Count last choices.

        Args:
            training: rows of the catalogue that each person chose, oldest first.
            items: in the catalogue.
        """
        self._scores = np.zeros(items, np.float32)
        for rows in training:
            self._scores[rows[-1:]] += 1

    def score(self, people: NDArray[np.int64], histories: Sequence[NDArray[np.int32]]) -> F32Matrix:
        """Scores float32 [people, items]; a larger one is better. See `simulations.evaluation.Scorer`."""
        return np.broadcast_to(self._scores, (len(people), len(self._scores)))


def main() -> None:
    """Print both baselines' figures on the demo."""
    world = split(load("demo"), seed=0)
    for scorer in (MostRecent(world.training, world.items), Popularity(world.training, world.items)):
        figures = evaluate(scorer, world.test).figures()
        print(f"{type(scorer).__name__}: nDCG@10 {figures['sampled']['ndcg@10']:.3f}")


if __name__ == "__main__":
    main()
