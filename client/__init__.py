"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.app import NodeState, make_app
    from client.budget_guard import LEDGER, budget
    from client.device import Device
    from client.interest import Controls, Interest, Levels, Profile
    from client.loaded_release import Installed, install
    from client.randomness import Randomness
    from client.recommender import Reason, Recommendation, Recommender, Strategy, Wishes, explained
    from client.secagg import Membership, RoundRequest
    from shared.behaviour import BehaviourLog

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.app": ("NodeState", "make_app"),
        "client.device": ("Device",),
        "client.loaded_release": ("Installed", "install"),
        "client.interest": ("Controls", "Interest", "Levels", "Profile"),
        "shared.behaviour": ("BehaviourLog",),
        "client.budget_guard": ("LEDGER", "budget"),
        "client.randomness": ("Randomness",),
        "client.recommender": ("Reason", "Recommendation", "Recommender", "Strategy", "Wishes", "explained"),
        "client.secagg": ("Membership", "RoundRequest"),
    },
)

__all__ = [
    "LEDGER", "BehaviourLog", "Controls", "Device", "Installed", "Interest", "Levels", "Membership", "NodeState",
    "Profile", "Randomness", "Reason", "Recommendation", "Recommender", "RoundRequest", "Strategy", "Wishes", "budget",
    "explained", "install", "make_app",
]  # fmt: skip
