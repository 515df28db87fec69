"""Noised sums of a cohort's honest survivors, made by the code that devices run, with chance that can be repeated."""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from client.secagg import Contribution, encode_contribution
from shared.privacy import Keystream, RandomBytes
from shared.secure_sum import RoundConfiguration, SumParameters


def seeded_bytes(seed: int, purpose: str) -> RandomBytes:
    """Chance that an audit can repeat, in place of what devices take from their operating systems."""
    return Keystream(hashlib.sha256(f"audit {seed} {purpose}".encode()).digest())


def noised_sum(
    vectors: NDArray[np.float32],
    configuration: RoundConfiguration,
    parameters: SumParameters,
    shares: int,
    random_bytes: RandomBytes,
) -> NDArray[np.float64]:
    """The sum that the server reads of these members' vectors, in units.

    Args:
        vectors: one row per member, [members, d].
        configuration: of the round.
        parameters: of its cohort.
        shares: members, the first of them, that add their share of noise; the others leave it out.
        random_bytes: all members' chance.
    """
    quiet = replace(parameters, variance=0)
    total = np.zeros(configuration.dimension, np.uint32)
    for member, vector in enumerate(vectors):
        if member < shares or vector.any():  # zeros without noise are zero words
            contribution = Contribution(vector)
            total += encode_contribution(
                contribution, configuration, parameters if member < shares else quiet, random_bytes
            )
    return total.astype(np.int32).astype(np.float64)
