"""Who may take part: one-time invitations, devices and their certificates, revocations."""

from server.registry.database import copy_registry
from server.registry.registry import Registry
from server.registry.revocation_list import RevocationList
from server.registry.rows import DeviceRow, InvitationRow

__all__ = ["DeviceRow", "InvitationRow", "Registry", "RevocationList", "copy_registry"]
