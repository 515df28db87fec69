"""Which items go together: of each item those that people chose beside it most, as text cannot know.

A table of a release, made of the pairs that `statistics` counted. To the score of item i it adds

    w_pair log(1 + 100 sum over the past of w_j t_ji)

where w_j is what event j counts by its age and t_ji the weight of i among the companions of j's item. The logarithm is
that of odds: what two things say together is less than twice what one says, and one weight fits histories of six events
and of a hundred. An item that came after the count has no companions, and is ranked by its text alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.pair_cells import PairCounts

MOST_COMPANIONS = 20  # of one item: 120 bytes of a release
_NOTICED = 0.01  # weight of a companion that doubles an item's odds; chosen on the validation parts of two catalogues
_SHRINKAGE = 10.0  # people added to the denominator of the cosine, so that few meetings of rare items weigh little


@dataclass(frozen=True, slots=True, eq=False)
class Companions:
    """Of n items, up to m companions each; m is 0 where no pairs were counted.

    Attributes:
        rows: int32 [n, m], catalogue rows.
        weights: float16 [n, m], from 0 to 1, largest first; 0 where there are fewer.
    """

    rows: NDArray[np.int32]
    weights: NDArray[np.float16]

    def __repr__(self) -> str:
        return f"Companions{self.rows.shape}"

    def __post_init__(self) -> None:
        n, m = self.rows.shape if self.rows.ndim == 2 else (-1, -1)
        if (self.rows.dtype, self.weights.dtype) != (np.int32, np.float16) or self.weights.shape != (n, m):
            raise ValueError(
                "expected companions as int32 [n, m] with weights in float16 [n, m], got "
                f"{self.rows.dtype} {self.rows.shape} and {self.weights.dtype} {self.weights.shape}"
            )
        if m > MOST_COMPANIONS:
            raise ValueError(f"expected at most {MOST_COMPANIONS} companions an item, got {m}")
        if ((self.rows < 0) | (self.rows >= n)).any():
            raise ValueError(f"expected companions among the {n} items, got others")
        if not ((self.weights >= 0) & (self.weights <= 1)).all():  # what is not a number is neither
            raise ValueError("expected weights of companions from 0 to 1, got others")

    @classmethod
    def none(cls, items: int) -> "Companions":
        """For a catalogue whose pairs were not counted."""
        return cls(np.zeros((items, 0), np.int32), np.zeros((items, 0), np.float16))

    @classmethod
    def of_pairs(cls, found: PairCounts, counts: NDArray[np.float64]) -> "Companions":
        """The nearest companions by the cosine of the people who chose either, shrunk (Sarwar et al. 2001).

        Args:
            found: the pairs.
            counts: float64 [n], how many people chose each item.
        """
        pairs, both = found.pairs, found.counts.astype(np.float64)
        size = np.sqrt(np.maximum(counts, 0.0))
        cosine = np.minimum(both / (size[pairs].prod(1) + _SHRINKAGE), 1.0)
        own, other = np.concatenate([pairs, pairs[:, ::-1]]).T
        weights = np.concatenate([cosine, cosine])
        order = np.lexsort((other, -weights, own))
        own, other, weights = own[order], other[order], weights[order]
        places = np.arange(len(own)) - np.searchsorted(own, own)
        kept = places < MOST_COMPANIONS
        rows = np.zeros((len(counts), MOST_COMPANIONS), np.int32)
        near = np.zeros((len(counts), MOST_COMPANIONS), np.float16)
        rows[own[kept], places[kept]], near[own[kept], places[kept]] = other[kept], weights[kept]
        return cls(rows, near)

    def reordered(self, order: NDArray[np.int64]) -> "Companions":
        """Those of the same items in another order: item `order[i]` is item i from now on."""
        return Companions(np.argsort(order)[self.rows].astype(np.int32)[order], self.weights[order])

    def beside(self, past: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each event of a past says for its companions, float64 [events, m], before the logarithm is taken.

        Args:
            past: int64 [events], catalogue rows; -1 for an event about no item.
            counts: float64 [events], what each event counts.
        """
        return np.where(past >= 0, counts, 0.0)[:, None] * self.weights[past].astype(np.float64)

    def followed_by(self, items: int) -> "Companions":
        """The same with so many further items, which have no companions."""
        further = ((0, items), (0, 0))
        return Companions(np.pad(self.rows, further), np.pad(self.weights, further))


def companion_score(said: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a score that companions give, before its weight: log(1 + 100 said).

    Args:
        said: float64 [...], the sum over the past of what each event says for an item (`Companions.beside`).
    """
    return np.asarray(np.log1p(said / _NOTICED))
