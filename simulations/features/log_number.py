"""A positive number, such as a price, as a feature: its logarithm, so that equal ratios are equal distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class LogNumber:
    """log(1 + number) and its square, so that a middle can be told from both ends; a release standardises them."""

    name: str = "price"
    width: int = 2

    def encode(self, inputs: Sequence[float]) -> NDArray[np.float32]:
        """Float32 [numbers, 2].

        Raises:
            Misconfigured: a number is negative or not finite.
        """
        numbers = np.asarray(inputs, np.float64)
        if not np.isfinite(numbers).all() or (numbers < 0).any():
            raise Misconfigured(f"features {self.name!r}: expected finite numbers of at least 0, got others")
        logarithms = np.log1p(numbers)
        return np.stack([logarithms, logarithms**2], 1).astype(np.float32)
