"""Who may take part: one-time invitations, devices and their certificates, revocations."""

from server.registry.registry import DeviceRow, InvitationRow, Registry

__all__ = ["DeviceRow", "InvitationRow", "Registry"]
