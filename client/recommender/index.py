"""The best n of a catalogue by inner product: found in bytes, proven and ranked in floats. The result is exact.

All rows are scored by codes of one byte a number; an error bound for each row then says which could still be among the
best n, and only those are scored again. Memory: 5 bytes a number and 10 a row.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.arrays import F32Matrix, F32Vector

Mask = NDArray[np.bool_]

_STEPS = 127.0
_BLOCK = 2048  # rows quantised or scored at a time, so that no second copy of the whole is made
_ROUNDING = 1e-4  # of float32 sums, beside the bound for the bytes
_HALF_ROUNDING = 2.0**-8  # of bfloat16, in which the kernel answers
_LANES = 32  # the kernel reads rows of a multiple of so many numbers


@dataclass(frozen=True, slots=True)
class Best:
    """Rows by falling score, equal ones by rising row.

    Attributes:
        rows: int64 [n].
        scores: float32 [n].
    """

    rows: NDArray[np.int64]
    scores: F32Vector


class CatalogueIndex:
    """Answers queries over fixed rows."""

    def __init__(self, factors: F32Matrix) -> None:
        """Store the rows.

        Args:
            factors: float32 [items, d], finite.
        """
        self._factors = np.ascontiguousarray(factors, np.float32)
        # Columns of unlike size would share one step; what is taken from a column here goes into the query instead.
        most = np.maximum(self._factors.max(0, initial=0.0), -self._factors.min(0, initial=0.0))
        self._columns = np.maximum(most, 1e-12)
        items, width = self._factors.shape
        self._errors, self._norms = np.zeros(items, np.float32), np.zeros(items, np.float32)
        self._steps = torch.zeros(items, dtype=torch.bfloat16)
        codes = np.zeros((items, -(-width // _LANES) * _LANES), np.int8)
        for start in range(0, items, _BLOCK):
            rows = slice(start, start + _BLOCK)
            codes[rows, :width], self._steps[rows], self._errors[rows], self._norms[rows] = self._quantised(rows)
        self._codes = torch.from_numpy(codes)

    def __repr__(self) -> str:
        return f"CatalogueIndex{self._factors.shape}"

    def _quantised(self, rows: slice) -> tuple[F32Matrix, Tensor, F32Vector, F32Vector]:
        """Codes, and of each row the step, the norm of the error and that of what the codes stand for."""
        scaled = self._factors[rows] / self._columns
        wanted = np.maximum(np.abs(scaled).max(1, initial=0.0), 1e-12) / _STEPS
        halves = torch.from_numpy(wanted).bfloat16()
        steps = halves.float().numpy()
        codes = np.rint(scaled / steps[:, None]).clip(-_STEPS, _STEPS)
        errors = np.linalg.norm(scaled - codes * steps[:, None], axis=1)
        return codes, halves, errors, np.linalg.norm(codes, axis=1) * steps

    def best(self, query: F32Vector, count: int, prior: F32Vector, allowed: Mask | None = None) -> Best:
        """The `count` rows of largest factors . query + prior; fewer where fewer are allowed.

        Args:
            query: float32 [d].
            count: rows wanted, at most.
            prior: float32 [items].
            allowed: bool [items]; all when left out.
        """
        scaled = query.astype(np.float64) * self._columns
        halves = torch.zeros((1, self._codes.shape[1]), dtype=torch.bfloat16)
        halves[0, : len(scaled)] = torch.from_numpy(scaled)
        read = halves[0, : len(scaled)].double().numpy()
        product = torch._weight_int8pack_mm(halves, self._codes, self._steps)[0].float().numpy()
        bound = np.float32(np.linalg.norm(scaled)) * self._errors
        bound += np.float32(np.linalg.norm(scaled - read) + _ROUNDING * np.linalg.norm(read)) * self._norms
        bound += np.float32(_HALF_ROUNDING) * np.abs(product)
        rough = product + prior
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

    def score(self, rows: NDArray[np.int64], query: F32Vector, prior: F32Vector) -> F32Vector:
        """Scores float32 of some rows, as `best` gives them."""
        wide, scores = query.astype(np.float64), np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            scores[start : start + _BLOCK] = self._factors[block].astype(np.float64) @ wide + prior[block]
        return scores
