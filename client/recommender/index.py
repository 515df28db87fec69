"""The best n of a catalogue by inner product: found in bytes, proven and ranked in floats. The result is exact.

All rows are scored in int8; an error bound for each row then says which could still be among the best n, and only those
are scored again. Memory: 5 bytes a number and 16 a row.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

FloatVector = NDArray[np.float32]
FloatMatrix = NDArray[np.float32]
Mask = NDArray[np.bool_]

_STEPS = 127.0
_BLOCK = 2048  # rows quantised at a time, so that no second copy of the whole is made
_ROUNDING = 1e-5  # of float32 sums, beside the bound for the bytes


@dataclass(frozen=True, slots=True)
class Best:
    """Rows by falling score, equal ones by rising row.

    Attributes:
        rows: int64 [n].
        scores: float32 [n].
    """

    rows: NDArray[np.int64]
    scores: FloatVector


class CatalogueIndex:
    """Answers queries over fixed rows."""

    def __init__(self, factors: FloatMatrix) -> None:
        """Store the rows.

        Args:
            factors: float32 [items, d], finite.
        """
        self._factors = np.ascontiguousarray(factors, np.float32)
        # Columns of unlike size would share one step; what is taken from a column here goes into the query instead.
        most = np.maximum(self._factors.max(0, initial=0.0), -self._factors.min(0, initial=0.0))
        self._columns = np.maximum(most, 1e-12)
        self._steps = np.zeros(len(factors), np.float32)
        self._errors, self._norms = np.zeros_like(self._steps), np.zeros_like(self._steps)
        codes = np.zeros(self._factors.shape, np.int8)
        for start in range(0, len(factors), _BLOCK):
            rows = slice(start, start + _BLOCK)
            codes[rows], self._steps[rows], self._errors[rows], self._norms[rows] = self._quantised(rows)
        self._codes = torch.from_numpy(codes)

    def __repr__(self) -> str:
        return f"CatalogueIndex{self._factors.shape}"

    def _quantised(self, rows: slice) -> tuple[FloatMatrix, FloatVector, FloatVector, FloatVector]:
        """Codes, and of each row the step, the norm of the error and that of what the codes stand for."""
        scaled = self._factors[rows] / self._columns
        steps = np.maximum(np.abs(scaled).max(1, initial=0.0), 1e-12) / _STEPS
        codes = np.rint(scaled / steps[:, None])
        errors = np.linalg.norm(scaled - codes * steps[:, None], axis=1)
        return codes, steps, errors, np.linalg.norm(codes, axis=1) * steps

    def best(self, query: FloatVector, count: int, prior: FloatVector, allowed: Mask | None = None) -> Best:
        """The `count` rows of largest factors . query + prior; fewer where fewer are allowed.

        Args:
            query: float32 [d].
            prior: float32 [items].
            allowed: bool [items]; all when left out.
        """
        scaled = query.astype(np.float64) * self._columns
        step = max(float(np.abs(scaled).max(initial=0.0)), 1e-12) / _STEPS
        codes = np.rint(scaled / step)
        counted = torch._int_mm(self._codes, torch.from_numpy(codes.astype(np.int8))[:, None])[:, 0].numpy()
        rough = counted.astype(np.float32) * (np.float32(step) * self._steps) + prior
        bound = np.float32(np.linalg.norm(scaled)) * self._errors
        bound += np.float32(np.linalg.norm(scaled - codes * step)) * self._norms
        bound += np.float32(_ROUNDING) * (np.abs(rough) + bound)
        if allowed is not None:
            rough = np.where(allowed, rough, -np.inf)
            count = min(count, int(allowed.sum()))
        count = min(count, len(rough))
        if count == 0:
            return Best(np.zeros(0, np.int64), np.zeros(0, np.float32))
        surely = torch.from_numpy(rough - bound).topk(count).values[-1].item()
        rows = np.flatnonzero(rough + bound >= surely)
        scores = self._factors[rows].astype(np.float64) @ query.astype(np.float64) + prior[rows]
        order = np.lexsort((rows, -scores))[:count]
        return Best(rows[order], scores[order].astype(np.float32))

    def score(self, rows: NDArray[np.int64], query: FloatVector, prior: FloatVector) -> FloatVector:
        """Scores float32 of some rows, as `best` gives them."""
        exact = self._factors[rows].astype(np.float64) @ query.astype(np.float64) + prior[rows]
        return np.asarray(exact, np.float32)
