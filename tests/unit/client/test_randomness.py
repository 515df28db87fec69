"""A device's chance: never seeded, never the same twice."""

import os
import random

import numpy as np
import torch

from client.randomness import SystemRandomness


def test_seeding_everything_that_can_be_seeded_changes_nothing():
    seen = set()
    for _ in range(3):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        rng = SystemRandomness()
        seen.add(float(rng.numpy("windows").random()))
        seen.add(rng.bytes("noise")(16))
    assert len(seen) == 6


def test_two_calls_for_one_purpose_differ():
    rng = SystemRandomness()
    assert rng.numpy("windows").random() != rng.numpy("windows").random()
    assert rng.bytes("noise")(16) != rng.bytes("noise")(16)


def test_it_holds_nothing_that_could_be_told():
    assert vars(SystemRandomness()) == {}
    assert repr(SystemRandomness()) == "SystemRandomness()"


def test_secrets_and_noise_come_from_the_operating_system_itself():
    assert SystemRandomness().bytes("noise") is os.urandom
