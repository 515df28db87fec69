"""From a contribution to the words that enter the sum: clip, round, add a share of the sum's noise and the local noise.

Implements FEDREC-SA/1 section 7.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from client.secagg.state import Contribution
from shared.privacy import Keystream, RandomBytes, quantise_rows, sample_discrete_gaussians
from shared.secure_sum import RoundConfiguration, SumParameters, Words


def encode_contribution(
    contribution: Contribution,
    configuration: RoundConfiguration,
    parameters: SumParameters,
    random_bytes: RandomBytes,
    same_work: bool = False,
) -> Words:
    """The words of one device, before any mask (FEDREC-SA/1 section 7).

    Args:
        contribution: vector float32 [d].
        configuration: gives the dimension and the clipping norm.
        parameters: scale, norm bound and variances of the noise, for the size of this cohort.
        random_bytes: gives the key of the rounding, then the keys of the noise, 32 bytes each.
        same_work: take as long for every contribution, see `quantise`.

    Returns:
        uint32 [d], modulo 2^32.

    Raises:
        Misconfigured: the contribution does not fit the configuration, or is not finite.
    """
    contribution.check(configuration.dimension)
    return encode_rows(contribution.vector[None], configuration, parameters, [random_bytes], same_work)[0]


def encode_rows(
    vectors: NDArray[np.float32],
    configuration: RoundConfiguration,
    parameters: SumParameters,
    random_bytes: Sequence[RandomBytes],
    same_work: bool = False,
) -> NDArray[np.uint32]:
    """`encode_contribution` of each row of float32 [n, d], with a source of chance each: uint32 [n, d]."""
    units = quantise_rows(
        vectors,
        configuration.clip_norm,
        parameters.scale,
        parameters.squared_norm_bound,
        [Keystream.drawn(source) for source in random_bytes],
        same_work,
    )
    for variance in (parameters.variance, parameters.local_variance):
        if variance:
            keystreams = [Keystream.drawn(source) for source in random_bytes]
            units = units + sample_discrete_gaussians(keystreams, variance, units.shape[1])
    return units.astype(np.uint32)
