"""What a person asks of a list of recommendations. All of it stays on the device."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from client.recommender.blocked_words import blocked_in, folded
from shared.arguments import described
from shared.catalogue import Catalogue
from shared.errors import Misconfigured


class Strategy(StrEnum):
    """Which parts of the one score are asked for."""

    SIMILARITY = "similarity"  # texts like those of one's history
    CONTENT = "content"  # the same, and the same concepts
    POPULARITY = "popularity"  # what others choose
    CO_OCCURRENCE = "co-occurrence"  # concepts that tend to follow one's own
    HYBRID = "hybrid"  # everything


@dataclass(frozen=True, slots=True)
class RecommendOptions:
    """How a list is to be made.

    Attributes:
        include_met: offer again what the person has met.
        categories: only items of one of these; any when empty.
        blocked_words: no item whose title or text holds one of these, in whatever case: as a whole word, or anywhere
            where the script writes words without blanks between them (see `client.recommender.blocked_words`).
        diversity: 0 ranks by score alone; 1 by unlikeness to what stands higher alone.
        calibration: 0 to 1, how much the list is to mix concepts as the person's own interest does; with diversity at
            most 1.
        freshness: 0 to 1, how much a new item is favoured: a bonus of so much of the score's spread, halved every week.
        exploration: chance, for each place in the list, that it is drawn by lot from the better items.

    Raises:
        Misconfigured: a strategy that is none, words in something else than a frozenset, a number outside its range, or
            a blocked word that is none.

    Example:
        >>> wishes = RecommendOptions(categories=frozenset({"music"}), blocked_words=frozenset({"drum"}), diversity=0.3)
        >>> sorted(offer.item for offer in recommender.recommend([], 24, wishes))
        ['music-2', 'music-3', 'music-5']
    """

    strategy: Strategy = Strategy.HYBRID
    include_met: bool = False
    categories: frozenset[str] = frozenset()
    blocked_words: frozenset[str] = frozenset()
    diversity: float = 0.0
    calibration: float = 0.0
    freshness: float = 0.0
    exploration: float = 0.0

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("diversity", "calibration", "freshness"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise Misconfigured(f"wishes: expected {name} from 0 to 1, got {getattr(self, name)}")
        if self.diversity + self.calibration > 1.0:
            raise Misconfigured(
                "wishes: expected diversity and calibration of at most 1 together, got "
                f"{self.diversity + self.calibration:g}"
            )
        if not all(map(folded, self.blocked_words)):
            raise Misconfigured("wishes: expected blocked words, got one of blanks alone")
        if not 0.0 <= self.exploration < 1.0:
            raise Misconfigured(f"wishes: expected exploration from 0 to below 1, got {self.exploration}")

    def _check_types(self) -> None:
        if not isinstance(self.strategy, Strategy):
            known = ", ".join(f"Strategy.{strategy.name}" for strategy in Strategy)
            raise Misconfigured(f"wishes: expected strategy as one of {known}, got {described(self.strategy)}")
        for name in ("categories", "blocked_words"):
            if not isinstance(given := getattr(self, name), frozenset):
                raise Misconfigured(
                    f"wishes: expected {name} as a frozenset of words, got {described(given)}; "
                    'write frozenset({"one", "other"})'
                )
        for name in ("diversity", "calibration", "freshness", "exploration"):
            if not isinstance(given := getattr(self, name), Real):
                raise Misconfigured(f"wishes: expected {name} as a number, got {described(given)}")

    def __repr__(self) -> str:
        return f"RecommendOptions({self.strategy.value})"

    @property
    def rearranges(self) -> bool:
        """Whether anything but the score orders the list."""
        return bool(self.diversity or self.calibration or self.exploration)

    def allowed(self, catalogue: Catalogue) -> NDArray[np.bool_]:
        """Bool [items]: which items the categories and blocked words leave."""
        return _allowed(catalogue, self.categories, frozenset(folded(word) for word in self.blocked_words))


@lru_cache(maxsize=8)
def _allowed(catalogue: Catalogue, categories: frozenset[str], blocked: frozenset[str]) -> NDArray[np.bool_]:
    allowed = np.ones(len(catalogue), bool)
    if categories:
        allowed &= np.fromiter((not categories.isdisjoint(item.categories) for item in catalogue), bool, len(catalogue))
    if blocked:
        texts = (f"{item.title}\n{item.text}" for item in catalogue)
        allowed &= np.fromiter((not blocked_in(text, blocked) for text in texts), bool, len(catalogue))
    allowed.setflags(write=False)
    return allowed
