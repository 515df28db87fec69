"""From a contribution to the words that enter the sum: clip, round, add event noise and a share of the sum's noise.

Implements FEDREC-SA/1 section 7.
"""

import numpy as np
from numpy.typing import NDArray

from client.secagg.state import Contribution
from shared.privacy import Keystream, RandomBytes, quantise, sample_discrete_gaussian
from shared.secure_sum import RoundConfiguration, SumParameters, Words


def encode_contribution(
    contribution: Contribution, configuration: RoundConfiguration, parameters: SumParameters, random_bytes: RandomBytes
) -> Words:
    """The words of one device, before any mask (FEDREC-SA/1 section 7).

    Args:
        contribution: vector float32 [d] and, where there is any, event-level noise [d].
        configuration: gives the dimension and the clipping norm.
        parameters: scale, norm bound and variance of the noise, for the size of this cohort.
        random_bytes: gives the key of the rounding, then the key of the noise, 32 bytes each.

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
    )
    if len(contribution.event_noise):
        units = units + _in_units(contribution.event_noise, parameters.scale / configuration.clip_norm)
    if parameters.variance:
        units = units + sample_discrete_gaussian(Keystream.drawn(random_bytes), parameters.variance, len(units))
    return units.astype(np.uint32)


def _in_units(noise: NDArray[np.float32], units_per_one: float) -> NDArray[np.int64]:
    """Event-level noise rounded to whole units; it does not depend on the person, so nothing bounds its norm."""
    return np.rint(noise.astype(np.float64) * units_per_one).astype(np.int64)
