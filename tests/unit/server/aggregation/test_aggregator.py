"""The plain sum: what it adds, what it counts, and what it never adds."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, RecordDict

from server.aggregation.aggregator import CohortCounts, PlainSum
from server.aggregation.cohort import KnownMember, NodeDirectory
from server.aggregation.exchange import Clock
from server.training.round import request_for
from shared.federation import read_federation
from shared.privacy import rho_for
from simulations.devices import Dropouts, InProcessGrid
from simulations.devices.dropouts import Fate
from simulations.engine import simulated_clock

MALFORMED = [
    "too long",
    "nan",
    "infinite",
    "huge",
    "float64",
    "matrix",
    "extra record",
    "extra array",
    "garbage",
    "claims too much",
    "nothing",
    "maybe",
    "status and more",
]


def plain_request(length, wanted, minimum, *settings):
    file = read_federation(settings=["privacy.level=none", "sum.mode=plain", *settings])
    request = request_for(file, "statistics", "release", 0, length, bytes(32), wanted)
    return replace(request, minimum=minimum, deadline_seconds=60.0)


def ask(toy, behave=lambda device, kind: "answer", devices=6, wanted=6, minimum=1, **grid_choices):
    grid, clock = InProcessGrid(toy.client_app(behave), devices, **grid_choices), simulated_clock()
    cohort = sorted(NodeDirectory().refresh(grid, 10, clock), key=lambda member: grid.get_node_ids().index(member.node))
    request = plain_request(toy.items, wanted, minimum)
    return PlainSum().sum(grid, cohort, request, clock), clock


def test_the_sum_is_that_of_the_summands(toy):
    result, _ = ask(toy)
    # devices 0 to 5 each count the item of their index modulo 5: item 0 twice
    assert result.total.tolist() == [2, 1, 1, 1, 1]
    assert result.total.dtype == np.float64
    assert result.tally == CohortCounts(selected=6, answered=6, upload_bytes=6 * (128 + 5 * 4))


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_answer_is_rejected_and_changes_nothing_of_the_sum(toy, what):
    result, _ = ask(toy, lambda device, kind: what if device == 5 else "answer")
    assert result.total.tolist() == [1, 1, 1, 1, 1]
    assert (result.tally.answered, result.tally.rejected, result.tally.late) == (5, 1, 0)


def test_every_way_of_not_answering_is_counted_once(toy):
    ways = ["answer", "not-yet", "not-yet", "refused", "raise", "nan"]
    result, _ = ask(toy, lambda device, kind: ways[device])
    assert result.tally == CohortCounts(6, 1, not_yet=2, refused=1, failed={2: 1}, rejected=1, late=0, upload_bytes=148)


def test_a_gone_node_fails_with_the_code_of_flower(toy):
    result, _ = ask(toy, dropouts=Dropouts(unavailable=1.0))
    assert result.total is None
    assert result.tally == CohortCounts(6, 0, failed={5: 6})


def test_silent_devices_are_late_once_the_deadline_has_passed(toy):
    result, clock = ask(toy, dropouts=Dropouts(silent=1.0))
    assert result.total is None
    assert result.tally == CohortCounts(6, 0, late=6)
    assert 60.0 <= clock.now() < 61.0


@pytest.mark.parametrize(("silent", "minimum", "least_seconds"), [(1, 5, 30.0), (1, 6, 60.0), (2, 1, 60.0)])
def test_a_silent_device_that_can_be_missed_costs_the_stragglers_time_and_not_the_deadline(
    toy, silent, minimum, least_seconds
):
    def fate(question):
        return Fate.SILENT if question.metadata.dst_node_id in gone and not is_hello(question) else Fate.ANSWERS

    def is_hello(question):
        return question.metadata.message_type == "query.hello"

    grid, clock = InProcessGrid(toy.client_app(lambda device, kind: "answer"), 6), simulated_clock()
    gone = grid.get_node_ids()[:silent]
    grid._fate = fate
    cohort = NodeDirectory().refresh(grid, 10, clock)
    result = PlainSum().sum(grid, cohort, plain_request(toy.items, 6, minimum), clock)
    assert (result.tally.answered, result.tally.late) == (6 - silent, silent)
    assert (result.total is not None) == (6 - silent >= minimum)
    assert least_seconds <= clock.now() < least_seconds + 1


def test_a_large_cohort_misses_as_many_as_may_drop_out_of_a_sum():
    request = plain_request(5, 100, 50)
    assert request.can_miss(10, 100, 90)
    assert not request.can_miss(11, 100, 89)
    assert not request.can_miss(10, 100, 49)  # the others declined: there is no sum without those missing


def test_answers_beyond_those_wanted_are_late(toy):
    result, _ = ask(toy, wanted=4)
    assert result.total.tolist() == [1, 1, 1, 1, 0]
    assert (result.tally.answered, result.tally.late) == (4, 2)


def test_fewer_answers_than_the_minimum_give_no_sum(toy):
    result, _ = ask(toy, lambda device, kind: "answer" if device < 3 else "not-yet", minimum=4)
    assert result.total is None
    assert result.tally.answered == 3


def test_no_cohort_gives_no_sum(toy):
    result, _ = ask(toy, devices=0)
    assert result.total is None
    assert result.tally == CohortCounts()


class Answered:
    """A grid without devices: the summands are there already, and come in an order of our choice."""

    def __init__(self, vectors, next_of):
        self._vectors = vectors
        self._next_of = next_of

    def push_messages(self, messages):
        self._messages = list(messages)
        for index, message in enumerate(self._messages):
            message.metadata.__dict__["_message_id"] = str(index)
        return [str(index) for index in range(len(self._messages))]

    def pull_messages(self, message_ids):
        index = self._next_of(map(int, message_ids))
        content = RecordDict({"summand": ArrayRecord({"vector": Array(self._vectors[index])})})
        return [Message(content, reply_to=self._messages[index])]


def test_the_sum_is_the_same_to_the_last_bit_in_any_order():
    InProcessGrid(None, 1)  # names this process's task, which messages ask for
    rng = np.random.default_rng(0)
    vectors = [(rng.normal(size=200) * 10.0 ** rng.integers(-9, 3, 200)).astype(np.float32) for _ in range(50)]
    request = plain_request(200, 50, 1)
    cohort = [KnownMember(f"{index:08x}", index + 2) for index in range(50)]
    forth, back = (PlainSum().sum(Answered(vectors, next_of), cohort, request, Clock()).total for next_of in (min, max))
    assert forth.tobytes() == back.tobytes()
    # the slow twin: the exact rational sum, each number rounded to a multiple of 2^-40 as the sum says it does
    exact = [sum(Fraction(round(Fraction(float(v[i])) * 2**40), 2**40) for v in vectors) for i in range(200)]
    assert forth.tolist() == [float(number) for number in exact]


def test_the_noise_of_a_sum_is_that_of_each_summand_as_often_as_one_is_in_it(toy):
    grid, clock = InProcessGrid(toy.client_app(lambda device, kind: "refused" if device == 5 else "answer"), 6), Clock()
    request = plain_request(toy.items, 6, 1, "privacy.level=event", "privacy.local_noise=on")
    cohort = NodeDirectory().refresh(grid, 10, clock)
    result = PlainSum().sum(grid, cohort, request, clock)
    assert result.tally.answered == 5
    # by hand: a window turns a count of norm 8 by a right angle at most, for one of 38 answers' share of epsilon 8
    variance = (math.sqrt(2) * 8.0) ** 2 / (2 * rho_for(8.0, 1e-6) / 38)
    assert result.noise_variance == pytest.approx(5 * variance, rel=1e-6)
    quiet = PlainSum().sum(grid, cohort, plain_request(toy.items, 6, 1), clock)
    assert quiet.noise_variance == 0.0
