"""The ideal sum and what it says of its noise, measured on devices that have nothing else to add."""

import math

import numpy as np
import pytest

from client import make_client_app
from client.secagg import Contribution, encode_contribution
from server.aggregation.aggregator import SumResult
from server.aggregation.cohort import NodeDirectory
from server.aggregation.secure_aggregation import IdealSum
from server.training.round import request_for
from shared.errors import Refused
from shared.federation import read_federation
from simulations.devices import InProcessGrid
from simulations.engine import simulated_clock
from tests.support.private_round import rng

DEVICES, DIMENSION = 8, 40_000


class Quiet:
    """A device without any event; the last of them says no when the others reveal their words."""

    def __init__(self, number, terms):
        self._number, self._terms = number, terms
        self.identity = f"{number:032x}"

    def advertise(self, request, vector, configuration):
        assert configuration == self._terms.configuration.encode()
        return b""

    def reveal(self, ch, cohort):
        if self._number == DEVICES - 1:
            raise Refused("policy: enough", code="policy")
        configuration = self._terms.configuration
        parameters = configuration.for_cohort(cohort, self._terms.local_noise_over_clip)
        nothing = Contribution(np.zeros(configuration.dimension, np.float32))
        return (
            encode_contribution(nothing, configuration, parameters, rng(bytes([self._number]))).astype("<u4").tobytes()
        )


def summed(task, number, *settings) -> SumResult:
    file = read_federation(
        settings=[
            "sum.mode=ideal",
            "sum.dropout_share=0.3",
            "clipping.update_norm=0.5",
            "privacy.level=both",
            *settings,
        ]
    )
    request = request_for(file, task, "release", number, DIMENSION, bytes(32), DEVICES)
    app = make_client_app(lambda context: Quiet(int(context.node_config["partition-id"]), request.terms))
    grid, clock = InProcessGrid(app, DEVICES), simulated_clock()
    return IdealSum().sum(grid, NodeDirectory().refresh(grid, 10, clock), request, clock)


@pytest.mark.parametrize(("task", "number"), [("update", 1), ("statistics", 0)])
def test_the_noise_of_a_sum_is_as_large_as_it_says(task, number):
    """Shares of the sum's noise and what each device adds of its own, of those that are in it."""
    variances = {}
    for local in ("off", "on"):
        result = summed(task, number, f"privacy.local_noise={local}")
        assert (result.tally.answered, result.tally.refused) == (DEVICES - 1, 1)
        assert result.total.var() == pytest.approx(result.noise_variance, rel=5 * math.sqrt(2 / DIMENSION))
        variances[local] = result.noise_variance
    assert variances["on"] > 1.2 * variances["off"]


def test_a_sum_without_any_promise_says_that_it_has_no_noise():
    result = summed("update", 1, "privacy.level=none")
    assert result.noise_variance == 0.0
    assert not result.total.any()
