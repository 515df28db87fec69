"""Histories of item rows as sparse matrices, the only thing an item-id baseline sees. Never holds an item's text."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from simulations.people import Rows


def weighted(histories: Sequence[Rows], items: int, forgetting: float = 0.0) -> csr_matrix:
    """float32 [histories, items]: each event weighs a^-forgetting by its age rank a; an item met twice weighs both."""
    lengths = np.asarray([len(history) for history in histories], np.int64)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([np.zeros(0, np.int32), *histories])
    ages = np.repeat(ends[1:], lengths) - np.arange(len(columns))
    weights = ages.astype(np.float32) ** np.float32(-forgetting)
    matrix = csr_matrix((weights, columns, ends), shape=(len(histories), items))
    matrix.sum_duplicates()
    return matrix


def met(histories: Sequence[Rows], items: int) -> csr_matrix:
    """float32 [histories, items]: 1 for each item met, however often."""
    matrix = weighted(histories, items)
    matrix.data[:] = 1.0
    return matrix
