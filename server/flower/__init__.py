"""Flower's SuperLink as the server's own parts talk to it, over loopback. Devices never come near any of this."""

from server.flower.control import HOST, Control, Run, flower_environment, superlink_address
from server.flower.link_database import LinkDatabase
from server.flower.nodes import NodeReconciler, SetAside, forget_database
from server.flower.serverapp import hold_serverapp, serverapp_pid

__all__ = [
    "HOST",
    "Control",
    "LinkDatabase",
    "NodeReconciler",
    "Run",
    "SetAside",
    "flower_environment",
    "forget_database",
    "hold_serverapp",
    "serverapp_pid",
    "superlink_address",
]
