"""Steps of the server's optimisers against numbers computed by hand."""

import math

import numpy as np
import pytest

from server.training.optimizer import Mean, fedadam, fedavg, fedavgm, optimizer_for, rate_in
from shared.model import Layout

LAYOUT = Layout.of([("P", "dense", (2,)), ("b", "bias", (1,)), ("Q", "dense", (1,))])


def mean(groups, values, noise_variance=0.0):
    return Mean(tuple(groups), np.array(values, np.float64), noise_variance)


def test_fedavg_adds_the_mean_times_the_rate_and_the_groups_own_rate():
    optimizer = fedavg({"bias": 2.0})
    start = np.array([1, 2, 3, 4], np.float32)
    vector, state = optimizer.apply(LAYOUT, optimizer.init(LAYOUT), start, mean(["dense", "bias"], [1, 2, 3, 4]), 0.5)
    # by hand: dense 1 + 0.5*1, 2 + 0.5*2, 4 + 0.5*4; bias 3 + 0.5*2*3
    assert vector.tolist() == [1.5, 3.0, 6.0, 6.0]
    assert vector.dtype == np.float32
    assert state.steps == {"dense": 1, "bias": 1}


def test_a_step_moves_only_the_groups_in_the_mean():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    start = np.array([1, 2, 3, 4], np.float32)
    first, before = optimizer.apply(LAYOUT, optimizer.init(LAYOUT), start, mean(["dense"], [1, 1, 1]), 0.1)
    vector, state = optimizer.apply(LAYOUT, before, first, mean(["bias"], [5]), 0.1)
    assert vector[[0, 1, 3]].tolist() == first[[0, 1, 3]].tolist()
    assert vector[2] != first[2]
    assert state.momentum[[0, 1, 3]].tolist() == before.momentum[[0, 1, 3]].tolist()
    assert state.second_moment["dense"] == before.second_moment["dense"]
    assert state.steps == {"dense": 1, "bias": 1}


def test_a_step_leaves_what_it_was_given_as_it_was():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    start, state = np.zeros(4, np.float32), optimizer.init(LAYOUT)
    optimizer.apply(LAYOUT, state, start, mean(["dense"], [1, 1, 1]), 0.1)
    assert not start.any()
    assert not state.momentum.any()
    assert state.steps == {"dense": 0, "bias": 0}


def test_fedavgm_sums_what_came_before_with_the_momentum():
    optimizer = fedavgm(0.5)
    vector, state = np.zeros(4, np.float32), optimizer.init(LAYOUT)
    for value in (4.0, 1.0):
        vector, state = optimizer.apply(LAYOUT, state, vector, mean(["bias"], [value]), 0.1)
    # by hand: m = 4 then 0.5*4 + 1 = 3; vector = 0.1*4 + 0.1*3
    assert vector[2] == pytest.approx(0.7)


def test_the_first_step_of_fedadam_is_the_mean_over_its_root_mean_square():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    vector, _ = optimizer.apply(
        LAYOUT, optimizer.init(LAYOUT), np.zeros(4, np.float32), mean(["dense", "bias"], [3, 4, 7, 0]), 0.1
    )
    # canonical order: dense (3, 4), bias 7, dense 0. Mean square of dense (9 + 16 + 0) / 3, of bias 49; both
    # corrections undo the first weights exactly
    scale = math.sqrt(25 / 3)
    assert vector == pytest.approx([0.3 / scale, 0.4 / scale, 0.1, 0.0], rel=1e-6)


def test_two_steps_of_fedadam_agree_with_the_formula_written_out():
    optimizer = fedadam(0.9, 0.99, 1e-3)
    vector, state = np.zeros(4, np.float32), optimizer.init(LAYOUT)
    for value in (2.0, -1.0):
        vector, state = optimizer.apply(LAYOUT, state, vector, mean(["bias"], [value]), 0.1)
    # by hand: m1 = .2, v1 = .04, step 1 = .1 * 2 / (2 + .001)
    # m2 = .18 - .1 = .08, v2 = .0396 + .01 = .0496, corrected by 1 - .81 = .19 and 1 - .9801 = .0199
    second = 0.1 * (0.08 / 0.19) / (math.sqrt(0.0496 / 0.0199) + 0.001)
    assert vector[2] == pytest.approx(0.1 * 2 / 2.001 + second, rel=1e-6)
    assert state.momentum[2] == pytest.approx(0.08)
    assert state.second_moment["bias"] == pytest.approx(0.0496)


def test_bias_correction_counts_the_steps_of_each_group_alone():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    vector, state = np.zeros(4, np.float32), optimizer.init(LAYOUT)
    for _ in range(5):
        vector, state = optimizer.apply(LAYOUT, state, vector, mean(["dense"], [1, 1, 1]), 0.1)
    vector, state = optimizer.apply(LAYOUT, state, vector, mean(["bias"], [9]), 0.1)
    assert vector[2] == pytest.approx(0.1)  # a first step is the rate itself, whatever the others did
    assert state.steps == {"dense": 5, "bias": 1}


def test_known_noise_is_taken_off_the_second_moment():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    values, noise_variance = [3.0, 4.0, 0.0], 1.0
    vector, state = np.zeros(4, np.float32), optimizer.init(LAYOUT)
    for _ in range(200):
        before = vector
        vector, state = optimizer.apply(LAYOUT, state, vector, mean(["dense"], values, noise_variance), 0.1)
    # by hand, in the limit: v = (9 + 16) / 3 - 1 = 22/3, m = the mean itself
    assert (vector - before)[[0, 1, 3]] == pytest.approx(np.array(values) * 0.1 / math.sqrt(22 / 3), rel=1e-4)


def test_noise_alone_moves_a_coordinate_by_about_the_rate_at_most():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    wide = Layout.of([("P", "dense", (1000,))])
    noise = np.random.default_rng(0)
    vector, state = np.zeros(1000, np.float32), optimizer.init(wide)
    for _ in range(100):
        before = vector
        values = noise.normal(0, 0.2, 1000)
        vector, state = optimizer.apply(wide, state, vector, Mean(("dense",), values, 0.04), 0.1)
        # the noise left in the momentum has the floor's variance, so steps have a root mean square of one rate
        assert np.sqrt(np.mean((vector - before) ** 2)) < 0.12


def test_a_mean_of_zero_is_a_step_of_zero():
    optimizer = fedadam(0.9, 0.99, 1e-8)
    vector, _ = optimizer.apply(LAYOUT, optimizer.init(LAYOUT), np.ones(4, np.float32), mean(["bias"], [0]), 0.1)
    assert vector.tolist() == [1, 1, 1, 1]


def test_the_rate_falls_by_cosine_from_first_to_final(toy):
    file = toy.file("training.rounds=5", "optimizer.learning_rate=0.2", "optimizer.final_rate=0.1")
    # by hand: 0.1 + 0.9 * (1, .5 + sqrt(1/8), .5, .5 - sqrt(1/8), 0), times 0.2
    root = math.sqrt(1 / 8)
    expected = [0.2 * (0.1 + 0.9 * share) for share in (1, 0.5 + root, 0.5, 0.5 - root, 0)]
    assert [rate_in(file, number) for number in range(1, 6)] == pytest.approx(expected)


def test_a_single_round_has_the_first_rate(toy):
    assert rate_in(toy.file("training.rounds=1"), 1) == 0.1


@pytest.mark.parametrize("name", ["fedavg", "fedavgm", "fedadam"])
def test_every_optimiser_of_the_file_takes_a_step(toy, name):
    optimizer = optimizer_for(toy.file(f"optimizer.name={name}"))
    vector, _ = optimizer.apply(LAYOUT, optimizer.init(LAYOUT), np.zeros(4, np.float32), mean(["bias"], [1]), 0.1)
    assert vector[2] == pytest.approx(0.1)


def test_a_group_whose_rate_is_zero_stands_still(toy):
    optimizer = optimizer_for(toy.file("optimizer.group_rates={bias = 0.0}"))
    vector, _ = optimizer.apply(LAYOUT, optimizer.init(LAYOUT), np.zeros(4, np.float32), mean(["bias"], [1]), 0.1)
    assert not vector.any()
