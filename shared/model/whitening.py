"""Public whitening of embeddings, fitted on catalogue texts alone: no person's data is in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Whitening:
    """x = (e - mean) @ matrix.

    Attributes:
        mean: float32 [width].
        matrix: float32 [width, width].
    """

    mean: FloatMatrix
    matrix: FloatMatrix

    @classmethod
    def fit(cls, embeddings: FloatMatrix) -> "Whitening":
        """Soft whitening: each principal axis divided by the root of its deviation, so that frequent directions lose
        weight without the rare ones turning into noise; then scaled so that rows have a mean square norm of one.

        Args:
            embeddings: float32 [texts, width].
        """
        mean = embeddings.mean(0, dtype=np.float64)
        centred = embeddings - mean
        covariance = centred.T @ centred / len(embeddings)
        variances, axes = np.linalg.eigh(covariance)
        deviations = np.sqrt(np.maximum(variances, 1e-4 * variances[-1] + 1e-12))
        matrix = axes / np.sqrt(deviations)
        # A fixed sign for each axis, so that the same catalogue gives the same coordinates everywhere.
        matrix = matrix * np.sign(matrix[np.abs(matrix).argmax(0), np.arange(len(deviations))])
        matrix = matrix[:, ::-1]  # widest axis first: the dense view starts on the leading ones
        scale = np.sqrt(np.square(centred @ matrix).sum(1).mean())
        return cls(mean.astype(np.float32), (matrix / max(scale, 1e-12)).astype(np.float32))

    def apply(self, embeddings: FloatMatrix) -> FloatMatrix:
        """Whitened embeddings, float32 [texts, width]."""
        return np.asarray((embeddings - self.mean) @ self.matrix, np.float32)
