"""Notices that interest has moved, and shortens the memory while it has: what lies before the change counts less.

Its three settings stand in `InterestSettings`.
"""

import numpy as np
from numpy.typing import NDArray

from client.interest.settings import SETTINGS


def drift(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """One less the cosine between the latest interest and the one before, unit vectors: 0 the same, 1 unrelated.

    Zeros on either side (nothing before, or no interest at all) are no drift.
    """
    return 1.0 - float(now @ before) if now.any() and before.any() else 0.0


def kept_share(moved: float) -> float:
    """How much of the older interest still counts after a drift: 1 below 0.5, falling to 0.1 at 1."""
    return float(
        np.clip(
            1.0
            - (1.0 - SETTINGS.least_kept_share)
            * (moved - SETTINGS.drift_noticed)
            / (SETTINGS.drift_certain - SETTINGS.drift_noticed),
            SETTINGS.least_kept_share,
            1.0,
        )
    )
