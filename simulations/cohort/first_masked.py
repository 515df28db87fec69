"""Private sums of which the first of each task is carried out whole, under masks, and checked; later ones are ideal.

The ideal sum adds the same noised words without masks and is much faster: a study of many rounds needs to see the whole
protocol work, with every device, not to pay for it in each of them.
"""

from collections.abc import Sequence

import numpy as np
from flwr.serverapp import Grid

from server import Aggregator, Clock, CohortMember, SumRequest, SumResult
from shared.federation import FederationFile
from shared.tasks import TASK_ROWS
from simulations.devices import DeviceStates


class FirstMasked:
    """An `Aggregator` for devices of this process.

    Attributes:
        masking: whether devices mask at present.
    """

    def __init__(self, federation: FederationFile, states: DeviceStates, secure: Aggregator, ideal: Aggregator) -> None:
        """Sum over the devices whose states are these, by `secure` first and then by `ideal`."""
        self.masking = False
        self._federation, self._states = federation, states
        self._secure, self._ideal = secure, ideal

    def sum(self, grid: Grid, cohort: Sequence[CohortMember], request: SumRequest, clock: Clock) -> SumResult:
        """See `Aggregator.sum`.

        Raises:
            RuntimeError: the masked sum is not the ideal one, word for word.
        """
        if request.round_number != TASK_ROWS[request.task].rounds(self._federation)[0]:
            return self._ideal.sum(grid, cohort, request, clock)
        before = self._states.snapshot()
        self.masking = True
        try:
            masked = self._secure.sum(grid, cohort, request, clock)
        finally:
            self.masking = False
        after = self._states.snapshot()
        self._states.restore(before)  # the devices answer the same round again, as if they had not
        ideal = self._ideal.sum(grid, cohort, request, clock)
        self._states.restore(after)
        if not _equal(masked, ideal):
            raise RuntimeError(
                f"{request.task}: expected the masked sum to be the ideal one, word for word, got another"
            )
        return masked


def _equal(one: SumResult, other: SumResult) -> bool:
    if one.total is None or other.total is None:
        return one.total is other.total
    return np.array_equal(one.total, other.total)
