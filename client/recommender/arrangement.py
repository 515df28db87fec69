"""Turns the best items into a list: unlike ones next to each other, and now and then one drawn by lot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DRAWN_FROM = 50  # best items that a lot is drawn from
_TEMPERATURE = 1.0  # of the lot, in units of the score


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a list: which candidate, and with what chance it came there, given those above it."""

    candidate: int
    propensity: float


def arranged(
    scores: NDArray[np.float32],
    content: NDArray[np.float32],
    count: int,
    diversity: float,
    exploration: float,
    chance: np.random.Generator,
) -> list[Place]:
    """Choose `count` of the candidates, one place after the other.

    Each place takes the candidate of largest (1 - diversity) * score - diversity * likeness to the nearest one above
    (maximal marginal relevance, Carbonell and Goldstein 1998), scores and likenesses scaled to the candidates' range;
    or, with the chance of `exploration`, one drawn from a softmax over the scores of the best 50 that are left.

    Args:
        scores: float32 [n], falling.
        content: float32 [n, m], unit vectors that candidates are compared by.
    """
    count = min(count, len(scores))
    if diversity == 0.0 and exploration == 0.0:
        return [Place(candidate, 1.0) for candidate in range(count)]
    left = np.ones(len(scores), bool)
    spread = max(float(scores.max() - scores.min()), 1e-9)
    relevance = (scores - scores.min()) / spread
    nearest = np.zeros(len(scores))
    places: list[Place] = []
    while len(places) < count:
        worth = np.where(left, (1.0 - diversity) * relevance - diversity * nearest, -np.inf)
        leader = int(worth.argmax())
        among = np.flatnonzero(left)[:_DRAWN_FROM]
        lot = np.exp((scores[among].astype(np.float64) - scores[among].max()) / _TEMPERATURE)
        lot /= lot.sum()
        chosen = leader
        if exploration and chance.random() < exploration:
            chosen = int(chance.choice(among, p=lot))
        propensity = exploration * float(lot[among == chosen].sum()) + (1.0 - exploration) * (chosen == leader)
        places.append(Place(chosen, propensity))
        left[chosen] = False
        nearest = np.maximum(nearest, np.clip(content @ content[chosen], 0.0, 1.0))
    return places


def candidates_for(count: int, diversity: float, exploration: float) -> int:
    """How many of the best items a list of `count` is chosen from."""
    return count if diversity == 0.0 and exploration == 0.0 else max(5 * count, _DRAWN_FROM + count)


def rank_of(scores: NDArray[np.float32], row: int, allowed: NDArray[np.bool_]) -> int:
    """The place, from 1, that a row has among the allowed ones; of equal scores the lower row stands first."""
    better = (scores > scores[row]) | ((scores == scores[row]) & (np.arange(len(scores)) < row))
    return 1 + int(np.count_nonzero(better & allowed))
