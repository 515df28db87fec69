"""One person's device: trains on its own log, ranks on its own, sends only summands."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from client.app import NodeState, make_client_app
    from client.budget_guard import LEDGER, BudgetGuard, budget
    from client.contributing import Contributor
    from client.counting import Counted, count_met
    from client.device import Device
    from client.enrolment import enroll, prepare
    from client.file_record import FileRecord, device_record
    from client.home import Home, create_home
    from client.interest import Controls, Interest, Levels, Profile
    from client.ledger_heads import KeyringHead, SealedHead
    from client.loaded_release import LoadedRelease, load_release
    from client.membership import Membership
    from client.mending import mend_device
    from client.randomness import Randomness
    from client.receipts import Receipts
    from client.recommender import Reason, Recommendation, Recommender, RecommendOptions, Strategy, reasons_in_words
    from client.secagg import Credentials, RoundRequest
    from client.supernode import in_slot, run_node
    from client.wall_clock import WallClock
    from shared.behaviour import BehaviourLog

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client.app": ("NodeState", "make_client_app"),
        "client.contributing": ("Contributor",),
        "client.counting": ("Counted", "count_met"),
        "client.device": ("Device",),
        "client.enrolment": ("enroll", "prepare"),
        "client.loaded_release": ("LoadedRelease", "load_release"),
        "client.interest": ("Controls", "Interest", "Levels", "Profile"),
        "shared.behaviour": ("BehaviourLog",),
        "client.budget_guard": ("LEDGER", "BudgetGuard", "budget"),
        "client.file_record": ("FileRecord", "device_record"),
        "client.home": ("Home", "create_home"),
        "client.ledger_heads": ("KeyringHead", "SealedHead"),
        "client.membership": ("Membership",),
        "client.mending": ("mend_device",),
        "client.receipts": ("Receipts",),
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
        "client.supernode": ("in_slot", "run_node"),
        "client.wall_clock": ("WallClock",),
    },
)

__all__ = [
    "LEDGER",
    "BehaviourLog",
    "BudgetGuard",
    "Contributor",
    "Controls",
    "Counted",
    "Credentials",
    "Device",
    "FileRecord",
    "Home",
    "Interest",
    "KeyringHead",
    "Levels",
    "LoadedRelease",
    "Membership",
    "NodeState",
    "Profile",
    "Randomness",
    "Reason",
    "Receipts",
    "RecommendOptions",
    "Recommendation",
    "Recommender",
    "RoundRequest",
    "SealedHead",
    "Strategy",
    "WallClock",
    "budget",
    "count_met",
    "create_home",
    "device_record",
    "enroll",
    "in_slot",
    "load_release",
    "make_client_app",
    "mend_device",
    "prepare",
    "reasons_in_words",
    "run_node",
]  # fmt: skip
