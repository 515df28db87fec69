"""Results in the forms of other tools: a release for PEFT and sentence-transformers, with a card for a model hub."""

from simulations.exchange.hub_card import HubFacts
from simulations.exchange.release_export import export_release

__all__ = ["HubFacts", "export_release"]
