"""Where people choose again what they know, as with music: the next choice among all items, met ones too.

Every other figure leaves met items out, as devices do unless they are asked to offer them (`include_met`). Here nothing
is left out, so that a model that never repeats must fail on repeats, and one that only repeats on everything new.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from shared.metrics import bootstrap_interval, rank_result
from simulations.baselines import ItemKnn, Popularity
from simulations.evaluation import Scorer, World, choices_of
from simulations.people import Rows
from simulations.studies.study_runs import StudyRuns

_FEWEST = 5  # choices of a person
_FADES_AFTER = 8.0  # choices: those longer ago count half
_WEIGHTS = (0.0, 1.0, 4.0, 8.0, 16.0, 32.0)
_FEWEST_REPEATS = 0.01


class OwnPlays:
    """Ranks what a person chose before by how often and how lately; all else is one. Nobody else's log is needed."""

    def __init__(self, items: int) -> None:
        self._items = items

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        scores = np.zeros((len(histories), self._items), np.float32)
        for row, history in zip(scores, histories, strict=True):
            back = np.arange(len(history))[::-1]
            np.add.at(row, history, 0.5 ** (back / _FADES_AFTER))
        return scores


class WithOwnPlays:
    """Another scorer, and so much for what the person chose before."""

    def __init__(self, scorer: Scorer, items: int, weight: float) -> None:
        self._scorer, self._plays, self._weight = scorer, OwnPlays(items), weight

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        plays = np.log1p(self._plays.score(people, histories))
        return np.asarray(self._scorer.score(people, histories) + self._weight * plays, np.float32)


def measure_repeats(trials: StudyRuns) -> list[dict[str, Any]]:
    """A row per model: nDCG@10 of the next choice among all items, over all people, and where it repeats or is new.

    How much one's own plays count is chosen on each person's choice before the one that is asked for.

    Raises:
        Misconfigured: hardly anybody chooses anything twice.
    """
    world = trials.world
    if world.split.repeats < _FEWEST_REPEATS:
        raise Misconfigured(
            f"compare repeats: expected people who choose what they know, {trials.data} has "
            f"{world.split.repeats:.1%} of such choices; use --data music"
        )
    trained = trials.train()
    items = world.split.items
    last, before = _asked(world, 1), _asked(world, 2)
    with trials.progress.stage("repeats", total=len(_WEIGHTS) + 5) as stage:
        tried = []
        for weight in _WEIGHTS:
            tried.append(float(_gains(WithOwnPlays(trained.scorer, items, weight), items, before).mean()))
            stage.advance(1, f"own plays by {weight:g}")
        weight = _WEIGHTS[int(np.argmax(tried))]
        models: dict[str, Scorer] = {
            "hushrec": trained.scorer,
            f"hushrec and own plays by {weight:g}": WithOwnPlays(trained.scorer, items, weight),
            "own plays": OwnPlays(items),
            "popularity": Popularity(world.split.training, items),
            "item-knn": ItemKnn(world.split.training, items),
        }
        rows, first = [], None
        for name, scorer in models.items():
            gains = _gains(scorer, items, last)
            first = gains if first is None else first
            rows.append({"model": name} | _figures(gains, first, last.repeats))
            stage.advance(1, name)
    return rows


class _Asked:
    """The choice of each person that is so many from the end, and what they chose before it."""

    def __init__(self, people: list[int], histories: list[Rows], targets: list[int]) -> None:
        self.people, self.histories = np.asarray(people), histories
        self.targets = np.asarray(targets)
        self.repeats = np.asarray([target in history for target, history in zip(targets, histories, strict=True)])


def _asked(world: World, back: int) -> _Asked:
    """Of those whose last choices no training holds: people of whom something is kept out."""
    choices = choices_of(world.dataset.people, world.dataset.catalogue)
    learnt = world.split.training.lengths
    people, histories, targets = [], [], []
    for person in range(len(world.dataset.people)):
        rows = choices.rows[person]
        at = len(rows) - back
        if len(rows) >= _FEWEST and at >= learnt[person]:
            people.append(person)
            histories.append(rows[:at])
            targets.append(int(rows[at]))
    return _Asked(people, histories, targets)


def _gains(scorer: Scorer, items: int, asked: _Asked) -> NDArray[np.float64]:
    """nDCG@10 of each question among all items, ties counted half."""
    scores = scorer.score(asked.people, asked.histories)
    counted = np.ones((len(asked.people), items), bool)
    counted[np.arange(len(asked.people)), asked.targets] = False
    return rank_result(scores[np.arange(len(scores)), asked.targets], scores, counted).ndcg(10)


def _figures(gains: NDArray[np.float64], first: NDArray[np.float64], repeats: NDArray[np.bool_]) -> dict[str, Any]:
    low, high = bootstrap_interval(gains, seed=0)
    less, more = bootstrap_interval(gains - first, seed=0)
    return {
        "questions": len(gains),
        "repeats ndcg@10": float(gains.mean()),
        "repeats interval": f"{low:.4f} to {high:.4f}",
        "repeats over hushrec": f"{(gains - first).mean():+.4f}, {less:+.4f} to {more:+.4f}",
        "repeats of a met item": float(gains[repeats].mean()) if repeats.any() else None,
        "repeats of a new item": float(gains[~repeats].mean()) if (~repeats).any() else None,
    }
