"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from client.app import NodeState, make_app
from client.device import LEDGER, Device, RoundRequest
from client.installed import Installed, install
from client.log import BehaviourLog
from client.randomness import Randomness
from client.recommender import Reason, Recommendation, Recommender

__all__ = [
    "LEDGER",
    "BehaviourLog",
    "Device",
    "Installed",
    "NodeState",
    "Randomness",
    "Reason",
    "Recommendation",
    "Recommender",
    "RoundRequest",
    "install",
    "make_app",
]
