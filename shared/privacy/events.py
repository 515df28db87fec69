"""What was released about a person, as immutable events.

An event says its unit and its neighbours; it never says what was released.
"""

from dataclasses import dataclass

import dp_accounting

from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """One DP-SGD step: windows drawn by a secret Poisson coin, their clipped sum released with Gaussian noise.

    Unit: one window of events. Neighbours: one window emptied, all others keeping their places in the log, so that the
    same windows stay eligible (zero-out; Kairouz et al. 2021). The mechanism then differs as under add-or-remove, and
    is accounted so.

    Attributes:
        sampling_probability: chance of each window, in (0, 1].
        noise_multiplier: standard deviation of the noise over the clipping norm.
    """

    sampling_probability: float
    noise_multiplier: float

    def __post_init__(self) -> None:
        if not 0 < self.sampling_probability <= 1:
            raise Misconfigured(f"sampling probability: expected in (0, 1], got {self.sampling_probability}")
        if not self.noise_multiplier > 0:
            raise Misconfigured(f"noise multiplier: expected above 0, got {self.noise_multiplier}")

    def dp_event(self) -> dp_accounting.DpEvent:
        """The event in the words of `dp_accounting`."""
        return dp_accounting.PoissonSampledDpEvent(
            self.sampling_probability, dp_accounting.GaussianDpEvent(self.noise_multiplier)
        )
