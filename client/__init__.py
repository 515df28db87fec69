"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.app import NodeState, make_client_app
    from client.budget_guard import LEDGER, budget
    from client.device import Device
    from client.interest import Controls, Interest, Levels, Profile
    from client.loaded_release import LoadedRelease, load_release
    from client.randomness import Randomness
    from client.recommender import Reason, Recommendation, Recommender, RecommendOptions, Strategy, reasons_in_words
    from client.secagg import Credentials, RoundRequest
    from shared.behaviour import BehaviourLog

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.app": ("NodeState", "make_client_app"),
        "client.device": ("Device",),
        "client.loaded_release": ("LoadedRelease", "load_release"),
        "client.interest": ("Controls", "Interest", "Levels", "Profile"),
        "shared.behaviour": ("BehaviourLog",),
        "client.budget_guard": ("LEDGER", "budget"),
        "client.randomness": ("Randomness",),
        "client.recommender": (
            "Reason",
            "Recommendation",
            "Recommender",
            "Strategy",
            "RecommendOptions",
            "reasons_in_words",
        ),
        "client.secagg": ("Credentials", "RoundRequest"),
    },
)

__all__ = [
    "LEDGER",
    "BehaviourLog",
    "Controls",
    "Credentials",
    "Device",
    "Interest",
    "Levels",
    "LoadedRelease",
    "NodeState",
    "Profile",
    "Randomness",
    "Reason",
    "RecommendOptions",
    "Recommendation",
    "Recommender",
    "RoundRequest",
    "Strategy",
    "budget",
    "load_release",
    "make_client_app",
    "reasons_in_words",
]  # fmt: skip
