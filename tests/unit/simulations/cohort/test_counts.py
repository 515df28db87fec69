"""Counts of many devices without their zeros: the same words as each device sends, whatever is added to them."""

import numpy as np
import pytest

from client import Counted
from client.secagg import Contribution, encode_contribution
from shared.federation import read_federation
from shared.privacy import Keystream
from shared.round_parameters import derive_round_parameters
from simulations.cohort.counts import units_of_counts, words_of_counts

DIMENSION = 3001


def devices(count: int) -> list[Counted]:
    rng = np.random.default_rng(3)
    found = []
    for device in range(count):
        places = np.sort(rng.choice(DIMENSION, 3 * device, replace=False))
        values = rng.choice([1.0, 8**-0.5], len(places)).astype(np.float32)
        found.append(Counted(places, values, DIMENSION))
    return found


def stream(device: int) -> Keystream:
    return Keystream(bytes([device]) * 32)


@pytest.mark.parametrize("level", ["none", "user"])
def test_the_sum_is_that_of_the_words_that_devices_send(level):
    settings = (f"privacy.level={level}", "sum.mode=ideal", "statistics.items_per_device=20", "statistics.pairs_of=4")
    file = read_federation(settings=settings)
    terms = derive_round_parameters(file, "statistics", 0, DIMENSION, bytes(32), bytes(32))
    parameters = terms.configuration.for_cohort(40, 0.0)
    counted = devices(12)
    sent = [
        encode_contribution(Contribution(one.dense()), terms.configuration, parameters, stream(device))
        for device, one in enumerate(counted)
    ]
    chance = (stream(device) for device in range(12))
    total = words_of_counts(zip(counted, chance, strict=True), terms.configuration, parameters)
    assert total.dtype == np.uint32
    assert total.tolist() == np.sum(sent, axis=0, dtype=np.uint32).tolist()


def test_in_the_open_it_is_the_sum_of_the_counts():
    total = units_of_counts(devices(12), DIMENSION)
    exact = np.sum([one.dense().astype(np.float64) for one in devices(12)], axis=0)
    assert total * 2.0**-40 == pytest.approx(exact, abs=1e-9)
