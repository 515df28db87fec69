"""What the heads make of every text that a round's windows hold: computed once a round, looked up by all devices."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shared.model import ConceptModel


@dataclass(frozen=True, slots=True, eq=False)
class ViewTable:
    """Views of U texts, in the order of the rows they were made of; the last row is zeros and stands for no text.

    Attributes:
        directions: float32 [U, D], whitened and gated texts at length 1.
        lengths: float32 [U], of the whitened texts.
        dense: float32 [U, k], the dense view; None without it.
        dense_slopes: float32 [U], by which a change of the dense view before it is made a unit vector counts.
        roots: float32 [U, K], square roots of the concept shares; None without concepts.
        root_slopes: float32 [U, K], by which a change of a share counts in its root; 0 outside the top.
        log_popularity: float32 [U]; 0 for texts that are no items.
    """

    directions: Tensor
    lengths: Tensor
    dense: Tensor | None
    dense_slopes: Tensor
    roots: Tensor | None
    root_slopes: Tensor
    log_popularity: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, heads: ConceptModel, texts: NDArray[np.float32], log_popularity: NDArray[np.float32]) -> "ViewTable":
        """Views of whitened texts, float32 [U - 1, D], without gradient, on the accelerator that the heads lie on."""
        accelerator = heads.bias.weight.device
        x = torch.from_numpy(np.concatenate([texts, np.zeros((1, texts.shape[1]), np.float32)])).to(accelerator)
        with torch.no_grad():
            directions = functional.normalize(heads.gates(x), dim=-1)
            dense, shares = heads.view(x)
            slopes = x.new_zeros(len(x))
            if dense is not None:
                slopes = inverse(heads.dense(directions).norm(dim=-1))
            roots, root_slopes = None, x.new_zeros(len(x), 0)
            if shares is not None:
                roots = shares.sqrt()
                root_slopes = 0.5 * inverse(roots)
        popularity = torch.from_numpy(np.append(log_popularity, np.float32(0.0))).to(accelerator)
        return cls(directions, x.norm(dim=-1), dense, slopes, roots, root_slopes, popularity)


def inverse(values: Tensor) -> Tensor:
    """1 over each value; 0 for 0, which no gradient passes."""
    return torch.where(values > 0, 1.0 / values, 0.0)
