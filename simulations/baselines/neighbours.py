"""Item neighbours by the people they share (Sarwar et al., WWW 2001). Never builds a dense item matrix."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from simulations.baselines.histories import met, weighted
from simulations.people import Rows

_ROWS_AT_ONCE = 1024


class ItemKnn:
    """Sum over the history of each item's similarity to its nearest neighbours.

    Args:
        neighbours: kept for each item.
        shrinkage: people added to the denominator of the cosine, so that chance meetings of rare items weigh little.
        forgetting: weight a^-forgetting for an event of age rank a.
    """

    def __init__(
        self,
        training: Sequence[Rows],
        items: int,
        neighbours: int = 1000,
        shrinkage: float = 20.0,
        forgetting: float = 1.0,
    ) -> None:
        people = met(training, items)
        self._similarity = _nearest(people, neighbours, shrinkage)
        self._forgetting = forgetting

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        pooled = weighted(histories, self._similarity.shape[0], self._forgetting)
        return np.asarray((pooled @ self._similarity).toarray(), np.float32)


def _nearest(people: csr_matrix, neighbours: int, shrinkage: float) -> csr_matrix:
    """Cosine of the columns of `people`, shrunk, [from, to]; each row keeps its largest values, the diagonal none."""
    columns = people.T.tocsr()
    size = np.sqrt(np.asarray(people.sum(0)).ravel())
    kept = []
    for start in range(0, columns.shape[0], _ROWS_AT_ONCE):
        block = (columns[start : start + _ROWS_AT_ONCE] @ people).tocsr()
        for row in range(block.shape[0]):
            span = slice(block.indptr[row], block.indptr[row + 1])
            others = block.indices[span]
            values = block.data[span] / (size[start + row] * size[others] + shrinkage)
            values[others == start + row] = 0.0
            if len(values) > neighbours:
                values[values < np.partition(values, -neighbours)[-neighbours]] = 0.0
            block.data[span] = values
        block.eliminate_zeros()
        kept.append(block)
    return vstack(kept, format="csr", dtype=np.float32)
