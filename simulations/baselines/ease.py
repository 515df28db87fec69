"""EASE: the linear item-to-item model with a closed form (Steck, WWW 2019). Never holds two dense item matrices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from shared.errors import Misconfigured
from simulations.baselines.histories import met, weighted
from simulations.people import Rows

_MOST_ITEMS = 40_000  # 6.4 GB in float32
_ROWS_AT_ONCE = 1024


class Ease:
    """Ridge regression of every item on all others, by the people who met them.

    Args:
        regularisation: added to the diagonal of the items' Gram matrix.
        forgetting: weight a^-forgetting for an event of age rank a, in the history that is folded in.

    Raises:
        Misconfigured: more items occur in training than a dense matrix can hold.
    """

    def __init__(
        self, training: Sequence[Rows], items: int, regularisation: float = 1000.0, forgetting: float = 1.0
    ) -> None:
        people = met(training, items)
        self._items, self._forgetting = items, forgetting
        self._known = np.flatnonzero(np.asarray(people.sum(0)).ravel())  # the rest have no weights at all
        if len(self._known) > _MOST_ITEMS:
            raise Misconfigured(
                f"EASE: expected at most {_MOST_ITEMS} items in training, got {len(self._known)}; "
                "leave this baseline out"
            )
        known = people[:, self._known]
        gram = np.zeros((len(self._known),) * 2, np.float32)
        (known.T @ known).toarray(out=gram)
        self._weights = _weights(gram, regularisation)

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        pooled = weighted(histories, self._items, self._forgetting)
        scores = np.zeros(pooled.shape, np.float32)
        scores[:, self._known] = pooled[:, self._known] @ self._weights
        return scores


def _weights(gram: NDArray[np.float32], regularisation: float) -> NDArray[np.float32]:
    """B = I - P diag(1 / diag P) with P = (gram + regularisation I)^-1, in the memory of `gram` [n, n]."""
    if not len(gram):
        return gram
    gram.flat[:: len(gram) + 1] += np.float32(regularisation)
    factor, _ = lapack.spotrf(gram.T, lower=0, clean=0, overwrite_a=1)  # LAPACK works in place on Fortran order
    inverse, _ = lapack.spotri(factor, lower=0, overwrite_c=1)
    for start in range(0, len(inverse), _ROWS_AT_ONCE):  # only the upper triangle was written
        end = start + _ROWS_AT_ONCE
        square = np.triu(inverse[start:end, start:end])
        inverse[start:end, start:end] = square + np.triu(square, 1).T
        inverse[end:, start:end] = inverse[start:end, end:].T
    diagonal = inverse.diagonal().copy()
    weights = inverse.T  # symmetric; rows contiguous again
    weights /= -diagonal
    np.fill_diagonal(weights, 0.0)
    return weights
