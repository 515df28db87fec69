"""From a contribution to the words that enter the sum: clip, round, add a share of the sum's noise and the local noise.

Implements FEDREC-SA/1 section 7.
"""

import numpy as np

from client.secagg.state import Contribution
from shared.privacy import Keystream, RandomBytes, quantise, sample_discrete_gaussian
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
    units = quantise(
        contribution.vector,
        configuration.clip_norm,
        parameters.scale,
        parameters.squared_norm_bound,
        Keystream.drawn(random_bytes),
        same_work,
    )
    for variance in (parameters.variance, parameters.local_variance):
        if variance:
            units = units + sample_discrete_gaussian(Keystream.drawn(random_bytes), variance, len(units))
    return units.astype(np.uint32)
