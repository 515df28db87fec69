"""What one round of local training releases about a window of events: the ledger needs to know it without training."""

from shared.federation import FederationFile
from shared.privacy import SampledGaussian


def round_event(federation: FederationFile) -> SampledGaussian | None:
    """What one round releases about a window: to be charged before anything leaves; None with the engine off."""
    if not federation.privacy.event:
        return None
    return SampledGaussian(federation.windows.sampling_probability, federation.privacy.event_noise_multiplier)
