"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from typing import TYPE_CHECKING

from shared.face import lazily

if TYPE_CHECKING:
    from client.app import NodeState, make_app
    from client.device import Device
    from client.installed import Installed, install
    from client.interest import Controls, Interest, Levels, Profile
    from client.log import BehaviourLog
    from client.promises import LEDGER, budget
    from client.randomness import Randomness
    from client.recommender import Reason, Recommendation, Recommender, Strategy, Wishes, explained
    from client.session import RoundRequest
    from client.summand import Membership

__getattr__, __dir__ = lazily(
    __name__,
    {
        "client.app": ("NodeState", "make_app"),
        "client.device": ("Device",),
        "client.installed": ("Installed", "install"),
        "client.interest": ("Controls", "Interest", "Levels", "Profile"),
        "client.log": ("BehaviourLog",),
        "client.promises": ("LEDGER", "budget"),
        "client.randomness": ("Randomness",),
        "client.recommender": ("Reason", "Recommendation", "Recommender", "Strategy", "Wishes", "explained"),
        "client.session": ("RoundRequest",),
        "client.summand": ("Membership",),
    },
)

__all__ = [
    "LEDGER", "BehaviourLog", "Controls", "Device", "Installed", "Interest", "Levels", "Membership", "NodeState",
    "Profile", "Randomness", "Reason", "Recommendation", "Recommender", "RoundRequest", "Strategy", "Wishes", "budget",
    "explained", "install", "make_app",
]  # fmt: skip
