"""Flower's SuperLink as the server's own parts talk to it, over loopback. Devices never come near any of this."""

from server.flower.control import HOST, Control, Run, flower_environment, reconcile_nodes, superlink_address
from server.flower.serverapp import hold_serverapp, serverapp_pid

__all__ = [
    "HOST",
    "Control",
    "Run",
    "flower_environment",
    "hold_serverapp",
    "reconcile_nodes",
    "serverapp_pid",
    "superlink_address",
]
