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
from simulations.devices.dropouts import Fate
from simulations.engine import simulated_clock
from tests.support.private_round import rng

DEVICES, DIMENSION = 8, 40_000


class Quiet:
    """A device without any event; the last of them says no when the others reveal their words."""

    willing = False

    def __init__(self, number, terms):
        self._number, self._terms = number, terms
        self.identity = f"{number:032x}"

    def advertise(self, request, vector, configuration):
        assert configuration == self._terms.configuration.encode()
        return b""

    def reveal(self, ch, cohort):
        if self._number == DEVICES - 1 and not self.willing:
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


@pytest.mark.parametrize(("phase", "least_seconds", "in_the_sum"), [("train.join", 30.0, 7), ("query.reveal", 60.0, 7)])
def test_a_silent_device_costs_the_stragglers_time_before_it_has_joined_and_all_of_a_phase_later(
    phase, least_seconds, in_the_sum, monkeypatch
):
    monkeypatch.setattr(Quiet, "willing", True)
    file = read_federation(settings=["sum.mode=ideal", "sum.dropout_share=0.3", "privacy.level=user"])
    request = request_for(file, "update", "release", 1, 100, bytes(32), DEVICES)
    app = make_client_app(lambda context: Quiet(int(context.node_config["partition-id"]), request.terms))
    grid, clock = InProcessGrid(app, DEVICES), simulated_clock()
    cohort = NodeDirectory().refresh(grid, 10, clock)
    silent = grid.get_node_ids()[0]

    def fate(question):
        here = question.metadata.dst_node_id == silent and question.metadata.message_type == phase
        return Fate.SILENT if here else Fate.ANSWERS

    grid._fate = fate
    result = IdealSum().sum(grid, cohort, request, clock)
    assert (result.tally.answered, result.tally.late) == (in_the_sum, 1)
    assert least_seconds <= clock.now() < least_seconds + 1
