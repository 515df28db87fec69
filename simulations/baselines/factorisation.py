"""Matrix factorisation through the package `implicit`: iALS (Hu et al., ICDM 2008) and BPR (Rendle et al., UAI 2009).

They never see the catalogue's texts, and never learn from the histories they are asked to rank.
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured
from simulations.baselines.histories import met, weighted
from simulations.people import Rows


class IAls:
    """Weighted least squares; a person's factors are solved anew from the history that is asked about.

    Args:
        factors: length of an item's vector.
        regularisation: of both sides.
        confidence: weight of an error on an item that was met; on one that was not it is 1.
        forgetting: weight a^-forgetting for an event of age rank a, in the history that is folded in.
    """

    def __init__(
        self,
        training: Sequence[Rows],
        items: int,
        factors: int = 64,
        regularisation: float = 30.0,
        confidence: float = 20.0,
        forgetting: float = 1.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> None:
        model = _implicit().als.AlternatingLeastSquares(
            factors=factors, regularization=regularisation, alpha=confidence, iterations=iterations, num_threads=1,
            random_state=seed,
        )  # fmt: skip
        model.fit(met(training, items), show_progress=False)
        self._factors = np.asarray(model.item_factors, np.float32)
        self._confidence, self._forgetting = confidence, forgetting
        self._gram = self._factors.T @ self._factors + regularisation * np.eye(factors, dtype=np.float32)

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`."""
        pooled = weighted(histories, len(self._factors), self._forgetting)
        solved = np.zeros((len(people), self._factors.shape[1]), np.float32)
        for person in range(len(people)):
            span = slice(pooled.indptr[person], pooled.indptr[person + 1])
            met_items, weight = self._factors[pooled.indices[span]], self._confidence * pooled.data[span]
            normal = self._gram + met_items.T @ (met_items * (weight[:, None] - 1.0))
            solved[person] = np.linalg.solve(normal, met_items.T @ weight)
        return solved @ self._factors.T


class Bpr:
    """Pairwise ranking by sampled descent. A person who was not in training gets the mean of those who were.

    Args:
        factors: length of an item's vector, without its bias.
    """

    def __init__(
        self,
        training: Sequence[Rows],
        items: int,
        factors: int = 64,
        learning_rate: float = 0.05,
        regularisation: float = 0.03,
        epochs: int = 100,
        seed: int = 0,
    ) -> None:
        model = _implicit().bpr.BayesianPersonalizedRanking(
            factors=factors, learning_rate=learning_rate, regularization=regularisation, iterations=epochs,
            num_threads=1, random_state=seed,
        )  # fmt: skip
        model.fit(met(training, items), show_progress=False)
        self._items = np.asarray(model.item_factors, np.float32)
        self._people = np.asarray(model.user_factors, np.float32)
        absent = np.asarray([len(rows) == 0 for rows in training], bool)
        self._people[absent] = self._people[~absent].mean(0) if not absent.all() else 0.0

    def score(self, people: NDArray[np.int64], histories: Sequence[Rows]) -> NDArray[np.float32]:
        """See `Scorer`; the histories are not used, for this model learns a vector of each person instead."""
        return self._people[people] @ self._items.T


def _implicit() -> ModuleType:
    try:
        import implicit.als
        import implicit.bpr
    except ImportError:
        raise Misconfigured(
            "baselines iALS and BPR: expected the package implicit, got none; `pip install 'hushrec[baselines]'`, "
            "or ask for fewer baselines"
        ) from None
    return implicit
