"""Privacy accounting: immutable events, the ledger that holds them."""

from shared.privacy.events import SampledGaussian
from shared.privacy.ledger import Ledger, spent_epsilon

__all__ = ["Ledger", "SampledGaussian", "spent_epsilon"]
