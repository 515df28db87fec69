"""Re-ranks the best items into a list: diversity (MMR), calibration to the person's own mix, exploration by chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from client.recommender.options import RecommendOptions
from shared.metrics import WORST_CALIBRATION, divergence

_DRAWN_FROM = 50  # best items that a lot is drawn from
_TEMPERATURE = 1.0  # of the lot, in units of the score


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a list: which candidate, and with what chance it came there, given those above it."""

    candidate: int
    propensity: float


@dataclass(frozen=True, slots=True, repr=False)
class Candidates:
    """What a list is chosen from.

    Attributes:
        scores: float32 [n], falling.
        content: float32 [n, m], unit vectors that candidates are compared by.
        shares: float32 [n, K], their concept shares.
        mix: float32 [K], the person's own; None or zeros where there is none.
    """

    scores: NDArray[np.float32]
    content: NDArray[np.float32]
    shares: NDArray[np.float32]
    mix: NDArray[np.float32] | None


def rerank(candidates: Candidates, count: int, wishes: RecommendOptions, rng: np.random.Generator) -> list[Slot]:
    """Choose `count` of the candidates, one place after the other.

    Each place takes the candidate of largest (1 - diversity - calibration) * score - diversity * likeness to the
    nearest one above (maximal marginal relevance, Carbonell and Goldstein 1998) - calibration * distance that the list
    would then have from the person's own mix (Steck 2018), each scaled to 0 to 1; or, with the chance of `exploration`,
    one drawn from a softmax over the scores of the best 50 that are left.
    """
    scores, content = candidates.scores, candidates.content
    diversity, exploration = wishes.diversity, wishes.exploration
    count = min(count, len(scores))
    if not wishes.rearranges:
        return [Slot(candidate, 1.0) for candidate in range(count)]
    calibration = wishes.calibration if candidates.mix is not None and candidates.mix.any() else 0.0
    mine = np.zeros(0) if candidates.mix is None else candidates.mix.astype(np.float64)
    listed = np.zeros(len(mine))
    left = np.ones(len(scores), bool)
    spread = max(float(scores.max() - scores.min()), 1e-9)
    relevance = (scores - scores.min()) / spread
    nearest = np.zeros(len(scores))
    places: list[Slot] = []
    while len(places) < count:
        worth = (1.0 - diversity - calibration) * relevance - diversity * nearest
        if calibration:
            apart = divergence(mine, (listed + candidates.shares) / (len(places) + 1))
            worth -= calibration * apart / WORST_CALIBRATION
        worth = np.where(left, worth, -np.inf)
        leader = int(worth.argmax())
        among = np.flatnonzero(left)[:_DRAWN_FROM]
        lot = np.exp((scores[among].astype(np.float64) - scores[among].max()) / _TEMPERATURE)
        lot /= lot.sum()
        chosen = leader
        if exploration and rng.random() < exploration:
            chosen = int(rng.choice(among, p=lot))
        propensity = exploration * float(lot[among == chosen].sum()) + (1.0 - exploration) * (chosen == leader)
        places.append(Slot(chosen, propensity))
        left[chosen] = False
        listed = listed + candidates.shares[chosen] if calibration else listed
        nearest = np.maximum(nearest, np.clip(content @ content[chosen], 0.0, 1.0))
    return places


def candidates_for(count: int, wishes: RecommendOptions) -> int:
    """How many of the best items a list of `count` is chosen from."""
    return max(5 * count, _DRAWN_FROM + count) if wishes.rearranges else count


def rank_of(scores: NDArray[np.float32], row: int, allowed: NDArray[np.bool_]) -> int:
    """The place, from 1, that a row has among the allowed ones; of equal scores the lower row stands first."""
    better = (scores > scores[row]) | ((scores == scores[row]) & (np.arange(len(scores)) < row))
    return 1 + int(np.count_nonzero(better & allowed))
