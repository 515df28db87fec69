"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from client.device import Device, RoundRequest
from client.installed import Installed, install
from client.log import BehaviourLog
from client.randomness import Randomness
from client.recommender import Reason, Recommendation, Recommender

__all__ = [
    "BehaviourLog",
    "Device",
    "Installed",
    "Randomness",
    "Reason",
    "Recommendation",
    "Recommender",
    "RoundRequest",
    "install",
]
