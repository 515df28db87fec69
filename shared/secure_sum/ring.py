"""Who is whose neighbour: places on a ring that the session shuffles, so that nobody chooses them.

Implements FEDREC-SA/1 section 6. Up to 256 members everybody is joined with everybody.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache

import numpy as np

from shared.errors import Misconfigured
from shared.secure_sum.hashing import LABEL, derive
from shared.secure_sum.masks import key_stream


class Ring:
    """The neighbour graph of one session.

    Attributes:
        places: member at each place, a permutation of range(n).
        degree: neighbours of every member.
    """

    __slots__ = ("_place_of", "degree", "places")

    def __init__(self, session: bytes, n: int, k: int) -> None:
        """Shuffle `n` members by `session` (32 bytes) and join each to the `k` nearest.

        Raises:
            Misconfigured: `k` is neither n - 1 nor an even number below it.
        """
        if not (k == n - 1 or (0 < k < n - 1 and k % 2 == 0)):
            raise Misconfigured(f"ring of {n}: expected {n - 1} neighbours, or an even number below, got {k}")
        self.places = _permutation(session, n)
        self.degree = k
        self._place_of = {member: place for place, member in enumerate(self.places)}

    def __repr__(self) -> str:
        return f"Ring({len(self.places)} members)"

    def neighbours(self, member: int) -> tuple[int, ...]:
        """The members joined to `member`, ascending."""
        n, reach, here = len(self.places), self.degree // 2, self._place_of[member]
        if self.degree == n - 1:
            return tuple(other for other in range(n) if other != member)
        steps = (*range(-reach, 0), *range(1, reach + 1))
        return tuple(sorted(self.places[(here + step) % n] for step in steps))

    def window_holds(self, alive: AbstractSet[int], window: int | None) -> bool:
        """Whether at most `window` members are missing among any degree // 2 consecutive places, all round the ring.

        Args:
            alive: the members that are there.
            window: w; None on the complete graph, where the rule always holds.
        """
        if window is None:
            return True
        width = self.degree // 2
        missing = np.array([member not in alive for member in self.places], np.int64)
        sums = np.concatenate([[0], np.cumsum(np.concatenate([missing, missing[: width - 1]]))])
        return bool((sums[width:] - sums[:-width]).max() <= window)


@lru_cache(maxsize=2)
def ring_of(session: bytes, n: int, k: int) -> Ring:
    """`Ring`, of the same session once: it is public, and every member asks for it in every phase.

    Raises:
        Misconfigured: as there.
    """
    return Ring(session, n, k)


def _permutation(session: bytes, n: int) -> tuple[int, ...]:
    """Fisher-Yates from the top, by words of the session's graph stream."""
    words = _words(derive(session, b"graph", LABEL + b"graph"))
    places = list(range(n))
    for top in range(n - 1, 0, -1):
        other = _below(top + 1, words)
        places[top], places[other] = places[other], places[top]
    return tuple(places)


def _below(bound: int, words: Iterator[int]) -> int:
    """Uniform in range(bound): words of the last, incomplete run of `bound` values are passed over."""
    limit = 2**64 - 2**64 % bound
    return next(word for word in words if word < limit) % bound


def _words(key: bytes) -> Iterator[int]:
    stream = key_stream(key)
    while True:
        yield from np.frombuffer(stream.update(bytes(8192)), "<u8").tolist()
