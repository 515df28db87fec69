"""Coherence: weighs an event less where its content is unlike that of the events near it in time."""

import numpy as np

from client.interest.settings import SETTINGS
from shared.arrays import F32Vector


class Coherence:
    """How much company one event has among those close before and after it."""

    def __init__(self, content: F32Vector, strange: float, kin: float) -> None:
        """Start without company.

        Args:
            content: what events are compared by, a unit vector.
            strange: mean likeness to the two most alike events that a random text has.
            kin: the same mean likeness that a telling text has.
        """
        self._content = content
        self._strange, self._kin = strange, max(kin, strange + 1e-6)
        self._nearest = np.full(SETTINGS.coherence_neighbours, -1.0)
        self._met = 0

    def __repr__(self) -> str:
        return f"Coherence({self._met} met)"

    def compare_with(self, other: "Coherence") -> None:
        """Two events close to each other take note of how alike they are."""
        likeness = float(self._content @ other._content)
        for one in (self, other):
            one._met += 1
            least = int(one._nearest.argmin())
            one._nearest[least] = max(one._nearest[least], likeness)

    @property
    def factor(self) -> float:
        """From 0.7 (as alone as a random text) to 1; 1 while there is too little to judge by."""
        if self._met < SETTINGS.coherence_least_events:
            return 1.0
        company = (sum(self._nearest.tolist()) / SETTINGS.coherence_neighbours - self._strange) / (
            self._kin - self._strange
        )
        return SETTINGS.incoherent_weight + (1.0 - SETTINGS.incoherent_weight) * min(1.0, max(0.0, company))
