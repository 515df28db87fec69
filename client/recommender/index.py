"""The best n of a catalogue by inner product: found in bytes, proven and ranked in floats. The result is exact.

All rows are scored by codes of one byte a number; block by block, an error bound then says which could still be among
the best n, given the blocks before, and only these are scored again. Memory: 5 bytes a number and 10 a row.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.arrays import F32Matrix, F32Vector

Mask = NDArray[np.bool_]

_STEPS = 127.0
_BLOCK = 2048  # rows quantised or scored in floats at a time, so that no second copy of the whole is made
_SCANNED = 65536  # scores looked at at a time: they stay in a core's cache
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
        starts = np.arange(0, items, _SCANNED)
        self._worst_errors = np.maximum.reduceat(self._errors, starts) if items else self._errors
        self._worst_norms = np.maximum.reduceat(self._norms, starts) if items else self._norms

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
        count = min(count, len(self._factors))
        if count <= 0:
            return Best(np.zeros(0, np.int64), np.zeros(0, np.float32))
        wide = query.astype(np.float64)
        rows = self._perhaps_best(wide * self._columns, count, prior, allowed)
        scores = self._factors[rows].astype(np.float64) @ wide + prior[rows]
        order = np.lexsort((rows, -scores))[:count]
        return Best(rows[order], scores[order].astype(np.float32))

    def _perhaps_best(
        self, query: NDArray[np.float64], count: int, prior: F32Vector, allowed: Mask | None
    ) -> NDArray[np.int64]:
        """Rows that can be among the best `count`, by the codes alone; all those that are, are among them."""
        halves = torch.zeros((1, self._codes.shape[1]), dtype=torch.bfloat16)
        halves[0, : len(query)] = torch.from_numpy(query)
        read = halves[0, : len(query)].double().numpy()
        per_error = np.float32(np.linalg.norm(query))
        per_norm = np.float32(np.linalg.norm(query - read) + _ROUNDING * np.linalg.norm(read))

        def bound(error: F32Vector, norm: F32Vector, product: F32Vector, rough: F32Vector) -> F32Vector:
            """How far a score may be from the rough one; grows with each of these, the last two without their sign."""
            of_codes = per_error * error + per_norm * norm + np.float32(_HALF_ROUNDING) * product
            return of_codes + np.float32(_ROUNDING) * (rough + of_codes)

        products = torch._weight_int8pack_mm(halves, self._codes, self._steps)[0]
        floor = np.float32(-np.inf)  # which `count` of the rows so far surely reach
        lower = np.zeros(0, np.float32)
        rows, upper = [], []
        for place, start in enumerate(range(0, len(self._factors), _SCANNED)):
            block = slice(start, start + _SCANNED)
            product = products[block].float().numpy()
            rough = product + prior[block]
            widest = bound(self._worst_errors[place], self._worst_norms[place], _size(product), _size(rough))
            if floor == -np.inf:
                offered = rough if allowed is None else rough[allowed[block]]
                if len(offered) >= count:
                    floor = _largest(offered, count)[0] - widest
            near = np.flatnonzero(rough >= floor - widest)  # next to nothing of most blocks, so that the rest is quick
            if allowed is not None:
                near = near[allowed[block][near]]
            product, rough = product[near], rough[near]
            bounds = bound(self._errors[block][near], self._norms[block][near], np.abs(product), np.abs(rough))
            lower = np.concatenate([lower, rough - bounds])
            if len(lower) >= count:
                lower = _largest(lower, count)
                floor = lower[0]
            rows.append(start + near)
            upper.append(rough + bounds)
        return np.concatenate(rows)[np.concatenate(upper) >= floor]

    def score(self, rows: NDArray[np.int64], query: F32Vector, prior: F32Vector) -> F32Vector:
        """Scores float32 of some rows, as `best` gives them."""
        wide, scores = query.astype(np.float64), np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            scores[start : start + _BLOCK] = self._factors[block].astype(np.float64) @ wide + prior[block]
        return scores


def _largest(numbers: F32Vector, count: int) -> F32Vector:
    """The `count` largest, the least of them first."""
    return np.partition(numbers, len(numbers) - count)[len(numbers) - count :]


def _size(numbers: F32Vector) -> F32Vector:
    return np.maximum(numbers.max(), -numbers.min())
